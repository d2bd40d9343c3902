"""The nightly proof that the stream is the batch: closed days computed anew from bronze, and compared row by row.

Add here: what a rebuild is held against. Not here: a rebuild that changes a table (`silver_events`, `gold`).
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import polars as pl

from assets.bronze_events import BATCH
from assets.measures import measured
from assets.purchases import purchases_in
from assets.silver_events import silver_days
from assets.tables import BRONZE_EVENTS, DAILY, SILVER_EVENTS
from resources.lake import Tables

DIFFERENCES = pl.Schema({"table": pl.String(), "event_date": pl.Date(), "held_by": pl.String(), "row": pl.String()})
"""A row that only one side has: `held_by` is `table` or `rebuild`, `row` its columns as JSON."""

MOST_DAYS = 31


def recently_changed(tables: Tables, now: datetime, hours: int = 26) -> list[date]:
    """The closed days of silver of which a file was written in the last hours, the newest MOST_DAYS of them."""
    files = tables.table(SILVER_EVENTS).files()
    if files.is_empty():
        return []
    since = (now - timedelta(hours=hours)).timestamp() * 1_000
    written = files.filter(pl.col("modification_time") >= since)["partition.event_date"]
    return sorted({day for day in written if day < now.date()})[-MOST_DAYS:]


def differences(tables: Tables, day: date, window_seconds: int) -> pl.DataFrame:
    """What silver and the daily gold tables hold of a day beside what bronze amounts to: the rows that only one has.

    Rows of DIFFERENCES; none is the proof. Takes in what silver covers, so it may run beside the stream; the handles of
    `tables` must be loaded gold first, then silver, then bronze.
    """
    return pl.concat([DIFFERENCES.to_frame(), *_differences(tables, day, window_seconds)])


def _differences(tables: Tables, day: date, window_seconds: int) -> Iterator[pl.DataFrame]:
    silver = tables.table(SILVER_EVENTS)
    covered = silver.progress(BATCH) or 0
    due = silver_days(tables.table(BRONZE_EVENTS), [day], covered)
    yield _either(SILVER_EVENTS.name, day, silver.read(SILVER_EVENTS.on_days([day])), due)
    rows = measured(purchases_in(due), DAILY, window_seconds)
    for layout in DAILY:
        table = tables.table(layout)
        # Gold that is a batch behind silver says nothing; the next night has it.
        if (table.progress(BATCH) or 0) == covered:
            yield _either(layout.name, day, table.read(layout.on_days([day])), rows[layout.name])


def _either(name: str, day: date, held: pl.DataFrame, due: pl.DataFrame) -> pl.DataFrame:
    keys = held.columns
    sides = {"table": (held, due), "rebuild": (due, held)}
    return pl.concat(
        mine.join(other, on=keys, how="anti", nulls_equal=True).select(
            table=pl.lit(name), event_date=pl.lit(day), held_by=pl.lit(side), row=pl.struct(keys).struct.json_encode()
        )
        for side, (mine, other) in sides.items()
    )
