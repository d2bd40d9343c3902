"""A small table of numbers by day.

Add here: how tests write rows of it. Not here: a test.
"""

from datetime import date

import polars as pl

from resources.table_layout import TableLayout

LAYOUT = TableLayout("bronze/things", pl.Schema({"number": pl.Int64(), "event_date": pl.Date()}), ("event_date",))


FIRST, SECOND = date(2019, 10, 1), date(2019, 10, 2)


def things(*numbers: int, day: date = FIRST) -> pl.DataFrame:
    return pl.DataFrame({"number": numbers, "event_date": [day] * len(numbers)}, schema=LAYOUT.schema)
