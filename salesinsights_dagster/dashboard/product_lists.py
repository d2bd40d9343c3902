"""Lists of the catalogue's products, from gold/product_outlook: not sold, running out, and what they earn.

Add here: a list of them. Not here: its formulas (`assets.products`), or how it looks (`product_lists_card`).
"""

import threading
from collections.abc import Callable, Mapping
from typing import Literal

import polars as pl

from assets.tables import PRODUCT_OUTLOOK
from resources.lake import Lake

WITHIN = 14
"""Days within which a stock is told to run out, where nobody asks for others."""

ListName = Literal["runs_out", "never_sold", "unsold", "margins"]

_SOLD, _DOWN = pl.col("last_sold_on").is_not_null(), [True, False]
"""The second sorts a list by its figure, the largest first, and then by product."""

_LISTS: Mapping[str, Callable[[pl.DataFrame, int], pl.DataFrame]] = {
    "runs_out": lambda rows, within: rows.filter(pl.col("days_left") <= within).sort("days_left", "product_id"),
    "never_sold": lambda rows, _: rows.filter(~_SOLD).sort("stock", "product_id", descending=_DOWN, nulls_last=True),
    "unsold": lambda rows, _: rows.filter(_SOLD, pl.col("units_30d") == 0).sort("last_sold_on", "product_id"),
    "margins": lambda rows, _: rows.drop_nulls("margin_30d").sort("margin_30d", "product_id", descending=_DOWN),
}


class ProductLists:
    """The newest rows of the table, read once for all viewers. Any thread may ask."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._reading = threading.Lock()
        self._version, self._rows = -1, pl.DataFrame(schema=PRODUCT_OUTLOOK.schema)

    def rows(self) -> pl.DataFrame:
        """All of them, one per product of the catalogue. Raises LakeError if the table can't be read."""
        with self._reading:
            table = self._lake.table(PRODUCT_OUTLOOK)
            if table.version != self._version:
                self._rows, self._version = table.read(), table.version
            return self._rows

    def get(self, name: ListName, within: int = WITHIN) -> pl.DataFrame:
        """The rows of a list. `runs_out`: the stock lasts for `within` days at most, the shortest first.

        `never_sold`: the largest stock first; `unsold`: sold, but not in 30 days, the longest first; `margins`: of 30
        days, where a cost is known, the largest first.
        """
        return _LISTS[name](self.rows(), within)

    def of(self, product_id: int) -> pl.DataFrame:
        """The row of a product; none if it is not in the catalogue."""
        return self.rows().filter(product_id=product_id)
