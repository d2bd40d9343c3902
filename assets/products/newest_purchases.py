"""The days of silver/purchases that the tables about products are computed from: the newest ones, and not too many.

Add here: how these days are chosen. Not here: what is computed from them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from assets.progress.source_fingerprints import day_rows
from resources.lake_table import LakeTable


@dataclass(frozen=True)
class Newest:
    """The newest `days` days, up to the newest with a purchase; fewer if they have more than `rows` purchases.

    So the work is bounded in a shop of any size: where a day has millions of purchases, one or two days tell enough.
    The newest day always counts.
    """

    days: int
    rows: int

    def days_of(self, purchases: LakeTable) -> list[date]:
        """These days, sorted; days without a purchase are left out."""
        return sorted(self._backwards(purchases))

    def _backwards(self, purchases: LakeTable) -> Iterator[date]:
        counts, left = day_rows(purchases), self.rows
        for day in sorted(counts, reverse=True):
            left -= counts[day][0]
            if day != max(counts) and (left < 0 or day <= max(counts) - timedelta(days=self.days)):
                return
            yield day
