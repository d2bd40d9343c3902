"""The tables of gold with a row per day, updated in a thread beside the payments.

Late on a busy day, the buyers of a few seconds have rows in every file of `customer_days`: replacing them rewrites most
of the day. So these tables take the batches of some seconds at once, with handles of their own, and no payment waits.

Add here: how they follow in a run that stays. Not here: how a table of gold is updated (`gold.gold`).
"""

from concurrent.futures import Future

from assets.gold.gold import advance_gold
from assets.tables import CUSTOMER_DAYS, PRODUCT_SALES_DAILY, SILVER_PURCHASES
from resources.beside import beside
from resources.lake import OpenTables

DAY_TABLES = (PRODUCT_SALES_DAILY, CUSTOMER_DAYS)


class DayTables:
    """Follows the purchases on demand. `tables` only says which lake: the thread loads tables of its own."""

    def __init__(self, tables: OpenTables, window_seconds: int) -> None:
        self._tables, self._window_seconds = tables, window_seconds
        self.following: Future[None] | None = None

    def begin(self) -> bool:
        """Begin to update the tables; False if the last update is still at work. Raises what the last update raised."""
        if self.following is not None:
            if not self.following.done():
                return False
            self.following.result()
        self.following = beside(self._advance)
        return True

    def finish(self) -> None:
        """Update the tables to the newest batch, and wait for that. Raises like `advance_gold`."""
        if self.following is not None:
            following, self.following = self.following, None
            following.result()
        self._advance()

    def _advance(self) -> None:
        advance_gold(self._tables.again((*DAY_TABLES, SILVER_PURCHASES)), self._window_seconds, DAY_TABLES)
