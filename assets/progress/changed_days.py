"""Which days of which table changed since a batch, read from the lake, so a run can report what another run wrote.

Add here: what the lake knows about its days. Not here: how Dagster is told (`stream.stream_assets`).
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import polars as pl

from assets.tables import (
    BRONZE_EVENTS,
    DAILY,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
)
from resources.lake import Tables
from resources.lake_table import LakeTable


def changed_days(tables: Tables, after: int, last: int) -> dict[str, Mapping[date, int]]:
    """Per table, the days touched by batches after `after`, with their current rows; gold only up to batch `last`."""
    appended = {
        layout.name: rows_per_day(tables.table(layout), after)
        for layout in (BRONZE_EVENTS, SILVER_EVENTS, SILVER_PURCHASES, SILVER_QUARANTINE)
    }
    days = days_of_batches(tables.table(SILVER_BATCHES), after, last)
    computed = {layout.name: rows_per_day(tables.table(layout)) for layout in DAILY}
    return {**appended, **{name: {day: rows.get(day, 0) for day in days} for name, rows in computed.items()}}


def days_of_batches(ledger: LakeTable, after: int, last: int) -> list[date]:
    """The days with new events in the batches after `after`, up to `last`."""
    rows = ledger.read(f"batch > {after} AND batch <= {last}", ["days"])
    return sorted(rows["days"].explode().drop_nulls().unique())


def rows_per_day(table: LakeTable, after: int | None = None) -> dict[date, int]:
    """The number of rows per day of the table; with `after`, only days with rows of a later batch."""
    files = table.files()
    if files.is_empty():
        return {}
    day = table.layout.file_day
    if after is not None:
        files = files.filter((pl.col("max.batch") > after).any().over(day))
    return dict(files.group_by(day).agg(pl.col("num_records").sum()).sort(day).iter_rows())


def day_groups(rows: Mapping[date, int], days: Sequence[date], rows_at_once: int) -> Iterator[list[date]]:
    """Groups of neighbouring days, about `rows_at_once` of their `rows` each."""
    before = itertools.accumulate((rows.get(day, 0) for day in days), initial=0)
    place = {day: start // rows_at_once for day, start in zip(days, before, strict=False)}
    for _, group in itertools.groupby(days, key=place.__getitem__):
        yield list(group)
