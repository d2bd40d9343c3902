"""Keeping the number of small files flat: every micro-batch adds one per table and day, so some are merged again.

Add here: when a table is compacted. Not here: how (`resources.lake`).
"""

from datetime import date

import polars as pl

from assets.tables import (
    BRONZE_EVENTS,
    CUSTOMER_DAYS,
    PRODUCT_SALES,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
)
from resources.lake import Tables
from resources.lake_table import ConcurrentCommitError, LakeTable, TableLayout

MOST_SMALL_FILES = 40
"""Small files of one day (or of a table without days) after which they are merged: every twenty minutes of a day."""

FILE_BYTES = 100 * 2**20
"""How large a file of a running day grows, where the table's layout says nothing else."""

COMPACTED = (
    *(BRONZE_EVENTS, SILVER_EVENTS, SILVER_PURCHASES, SILVER_QUARANTINE, SILVER_BATCHES),
    *(PRODUCT_SALES, CUSTOMER_DAYS),
)


def compact(tables: Tables) -> int:
    """Merge the small files of each table's days that have come to be many; the number of files saved.

    Changes no row. Where another writer replaced the same day meanwhile, that table waits for its next turn.
    """
    return sum(_compact(tables.table(layout)) for layout in COMPACTED)


def _compact(table: LakeTable) -> int:
    file_bytes = table.layout.file_bytes or FILE_BYTES
    days = _crowded_days(table.files(), table.layout, file_bytes)
    if days is None:
        return 0
    try:
        return table.compact(days, file_bytes)
    except ConcurrentCommitError:
        return 0


def _crowded_days(files: pl.DataFrame, layout: TableLayout, file_bytes: int) -> list[date] | None:
    """The days to compact; None if there are none. A table without days is compacted whole, as an empty list."""
    if files.is_empty():
        return None
    small = files.filter(pl.col("size_bytes") < file_bytes // 2)
    if not layout.partition_by:
        return [] if small.height >= MOST_SMALL_FILES else None
    counted = small.group_by(day=layout.file_day).len()
    crowded = counted.filter(pl.col("len") >= MOST_SMALL_FILES)["day"]
    return sorted(crowded) or None
