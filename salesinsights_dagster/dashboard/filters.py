"""Which sales are wanted, and their purchases by day, kept for as long as the day's purchases are the same.

A closed day is read once for each filter, of the running day only what new batches brought.
Add here: how some sales are found. Not here: what is counted of them (`sales`).
"""

from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from assets.gold.product_categories import CATEGORIES
from assets.progress.batch_snapshot import BatchSnapshot
from assets.progress.source_fingerprints import rebuilds_of
from assets.tables import SILVER_PURCHASES
from salesinsights_dagster.dashboard.day_curves import PURCHASE, DayCurves
from salesinsights_dagster.dashboard.spans import DAY
from salesinsights_dagster.dashboard.view import View

MOST_ROWS = 1_000_000
"""How many purchases are kept for all filters together: 100 MB. Beyond it a day is read again at each look."""

NO_CATEGORIES = pl.DataFrame(schema=CATEGORIES)


def wanted_sql(view: View, categories: pl.DataFrame) -> str | None:
    """The SQL predicate of purchases that a view's filters leave; None if it has no filter.

    A brand is that of the sale. `categories` are `categories_of_products`: a category is its products.
    """
    wanted = list[str]()
    if view.category is not None:
        products = categories.filter(pl.col("category") == view.category)["product_id"].sort()
        wanted.append(f"product_id IN ({', '.join(map(str, products))})" if len(products) else "FALSE")
    if view.brand is not None:
        wanted.append("brand = '" + view.brand.replace("'", "''") + "'")
    if view.product is not None:
        wanted.append(f"product_id = {int(view.product)}")
    return " AND ".join(wanted) or None


@dataclass(frozen=True)
class _Day:
    state: tuple[object, ...]
    rows: int
    batch: int
    purchases: pl.DataFrame


class FilteredPurchases:
    """The purchases that a predicate leaves: PURCHASE. Used by one thread at a time."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, date], _Day] = {}

    def between(
        self, gold: BatchSnapshot, curves: DayCurves, wanted: str, start: datetime, end: datetime
    ) -> pl.DataFrame:
        """Those of [start, end). Raises LakeError if they can't be read."""
        known = curves.days(gold)
        days = [start.date() + number * DAY for number in range((end.date() - start.date()).days + 1)]
        frames = [self._day(gold, curves, wanted, day) for day in days if day in known]
        rows = pl.concat([*frames, pl.DataFrame(schema=_KINDS)])
        return rows.filter(pl.col("event_time").is_between(start, end, closed="left"))

    def _day(self, gold: BatchSnapshot, curves: DayCurves, wanted: str, day: date) -> pl.DataFrame:
        purchases = gold.table(SILVER_PURCHASES)
        rows, newest = curves.days(gold)[day]
        state = rows, newest, rebuilds_of(purchases, day)
        kept = self._kept.pop((wanted, day), None)
        if kept is None or kept.state != state:
            grown = None if kept is None or kept.state[-1] != state[-1] else _grown(gold, wanted, day, rows, kept)
            whole = f"event_date = DATE '{day}' AND ({wanted})"
            kept = _Day(state, rows, gold.batch, purchases.read(whole, PURCHASE) if grown is None else grown)
        # Days that were not asked for lately come first, and go first.
        self._kept[wanted, day] = kept
        while len(self._kept) > 1 and sum(each.purchases.height for each in self._kept.values()) > MOST_ROWS:
            del self._kept[next(iter(self._kept))]
        return kept.purchases


_KINDS = {name: SILVER_PURCHASES.schema[name] for name in PURCHASE}


def _grown(gold: BatchSnapshot, wanted: str, day: date, rows: int, kept: _Day) -> pl.DataFrame | None:
    """The kept purchases and the new ones; None if new batches do not explain all new rows."""
    purchases = gold.table(SILVER_PURCHASES)
    new = f"event_date = DATE '{day}' AND batch > {kept.batch} AND batch <= {gold.batch}"
    if purchases.read(new, ["event_time"]).height != rows - kept.rows:
        return None
    return pl.concat([kept.purchases, purchases.read(f"{new} AND ({wanted})", PURCHASE)])
