"""Keeping the number of small files flat: every micro-batch adds one per table and day, so some are merged again.

Add here: when a table is compacted. Not here: how (`resources.lake`).
"""

from datetime import date

import polars as pl

from assets.tables import BRONZE_EVENTS, SILVER_BATCHES, SILVER_EVENTS, SILVER_QUARANTINE
from resources.lake import ConcurrentCommitError, LakeTable, TableLayout, Tables

MOST_SMALL_FILES = 40
"""Files of one day (or of a table without days) after which they are merged: every twenty minutes of a live day."""

APPENDED = (BRONZE_EVENTS, SILVER_EVENTS, SILVER_QUARANTINE, SILVER_BATCHES)


def compact(tables: Tables) -> int:
    """Merge the files of each appended table's days that have come to be many; the number of files saved.

    Changes no row. Where another writer replaced the same day meanwhile, that table waits for its next turn.
    """
    return sum(_compact(tables.table(layout)) for layout in APPENDED)


def _compact(table: LakeTable) -> int:
    days = _crowded_days(table.files(), table.layout)
    if days is None:
        return 0
    try:
        return table.compact(days)
    except ConcurrentCommitError:
        return 0


def _crowded_days(files: pl.DataFrame, layout: TableLayout) -> list[date] | None:
    """The days to compact; None if there are none. A table without days is compacted whole, as an empty list."""
    if not layout.partition_by:
        return [] if files.height >= MOST_SMALL_FILES else None
    counted = files.group_by(day=f"partition.{layout.partition_by[0]}").len()
    crowded = counted.filter(pl.col("len") >= MOST_SMALL_FILES)["day"]
    return sorted(crowded) or None
