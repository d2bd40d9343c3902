"""What keeps the lake small and quick for years: closed days in few files, short logs, no unneeded files.

Add here: a chore that changes no row. Not here: when it is done (`sensors.upkeep_schedule`), or Dagster's own history
(`run_history`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from assets.gold.restatements import record_restatements
from assets.tables import TABLES
from resources.lake import Lake
from resources.lake_errors import ConcurrentCommitError, again_on_conflict
from resources.lake_table import LakeTable

READER_HOURS = 7
"""How long a replaced file stays: longer than any query, backfill or run, and than the tables' own retention."""

GOOD_BYTES = 16 * 2**20
"""A day whose files are this large on average needs no compaction."""


@dataclass(frozen=True)
class Care:
    """What upkeep did for one table: data files before and after, and files deleted from disk.

    `is_put_off` is true if a writer replaced a day meanwhile: compaction then waits for the next run.
    """

    table: str
    files_before: int
    files_after: int
    deleted: int
    is_put_off: bool


def keep_up(lake: Lake, now: datetime) -> Iterator[Care]:
    """Compact closed days, write checkpoints, shorten logs, and delete unneeded files, table by table.

    Changes no row, but first records the restatements that old versions show. Idempotent.
    """
    record_restatements(lake, now)
    for name, layout in TABLES.items():
        yield again_on_conflict(lambda: _cared_for(lake.table(layout), name, now))  # noqa: B023


def _cared_for(table: LakeTable, name: str, now: datetime) -> Care:
    before = table.files().height
    is_put_off = not _compacted(table, now)
    table.checkpoint()
    deleted = table.vacuum(READER_HOURS)
    return Care(name, before, table.files().height, len(deleted), is_put_off)


def _compacted(table: LakeTable, now: datetime) -> bool:
    days = scattered_days(table, now)
    if days is None:
        return True
    try:
        table.compact(days)
    except ConcurrentCommitError:
        return False
    return True


def scattered_days(table: LakeTable, now: datetime) -> list[date] | None:
    """The closed days in several files, smaller than GOOD_BYTES on average; None if there are none.

    A table without days has no closed days.
    """
    files = table.files()
    if not table.layout.partition_by or files.is_empty():
        return None
    day = table.layout.file_day
    counted = files.filter(pl.col(day) < now.date()).group_by(day).agg(pl.len(), mean=pl.col("size_bytes").mean())
    return sorted(counted.filter(pl.col("len") > 1, pl.col("mean") < GOOD_BYTES)[day]) or None
