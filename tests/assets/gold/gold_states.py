"""States of gold, one after the other, as in the life of a shop: rows that come, change, and go.

Add here: how gold may change. Not here: who follows it.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import polars as pl

from assets.progress.batches import BATCH
from assets.tables import CUSTOMER_VALUE, DAILY, SILVER_PURCHASES
from resources.lake import Lake
from resources.table_layout import TableLayout

DAYS = [date(2019, 12, 30) + timedelta(days=number) for number in range(4)]
BRANDS = ["runail", None, "", 'a"b\\,\n', "\\N", "née 💅", "NUL\0inside"]


class GoldStates:
    """Each `move` replaces the rows of some days, in all of gold's tables, as one batch."""

    def __init__(self, lake: Lake, seed: int) -> None:
        self._lake = lake
        self._random = Random(seed)
        self._batch = 0

    def move(self) -> None:
        self._batch += 1
        days = self._random.sample(DAYS, k=self._random.randint(1, 2))
        progress = {BATCH: self._batch}
        for layout in DAILY:
            rows = [self._row(layout, day, number) for day in days for number in self._numbers()]
            frame = pl.DataFrame(rows, schema=layout.schema, orient="row")
            self._lake.table(layout).replace(frame, layout.on_days(days), progress)
        silver = self._lake.table(SILVER_PURCHASES)
        silver.append(pl.DataFrame(schema=SILVER_PURCHASES.schema), progress)
        if self._random.random() < 0.5:
            buyers = [self._row(CUSTOMER_VALUE, days[0], number) for number in self._numbers()]
            frame = pl.DataFrame(buyers, schema=CUSTOMER_VALUE.schema, orient="row")
            self._lake.table(CUSTOMER_VALUE).replace(frame, None, progress)

    def _numbers(self) -> list[int]:
        return self._random.sample(range(1, 60), k=self._random.randint(0, 40))

    def _row(self, layout: TableLayout, day: date, number: int) -> dict[str, object]:
        """A row with the key `number`; half of the rows are the same in all states."""
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=45 * number)
        money = Decimal(number) + Decimal(self._random.choice([0, 1])) / 100
        moments = {"window_start": start, "window_end": start + timedelta(seconds=45)}
        given = {**moments, "product_id": number, "user_id": number, "event_date": day, "revenue": money}
        brand = BRANDS[number % len(BRANDS)]
        rest = {pl.String(): brand, pl.Int64(): 1, pl.Date(): day}
        other = {name: start if isinstance(kind, pl.Datetime) else money for name, kind in layout.schema.items()}
        return {name: given.get(name, rest.get(kind, other[name])) for name, kind in layout.schema.items()}
