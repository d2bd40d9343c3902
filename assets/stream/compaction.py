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
from resources.lake_errors import ConcurrentCommitError
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout

MOST_SMALL_FILES = 40
"""Files of one size of one day (or of a table without days) after which they are merged."""

SIZES = (2 * 2**20, 32 * 2**20)
"""To how many bytes files of a running day are merged: first the few kilobytes of single batches, then what came of
them. So a row is rewritten a few times a day, however often a batch is committed. Merging takes memory in the run by
what it writes: some 200 MB for these, 380 for 100 MB."""

COMPACTED = (
    *(BRONZE_EVENTS, SILVER_EVENTS, SILVER_PURCHASES, SILVER_QUARANTINE, SILVER_BATCHES),
    *(PRODUCT_SALES, CUSTOMER_DAYS),
)


def compact(tables: Tables) -> int:
    """Merge the small files of each table's days that have come to be many; the number of files saved.

    Where files are merged the log is shortened too, since both grow with each commit. Changes no row. Where another
    writer replaced the same day meanwhile, that table waits for its next turn.
    """
    return sum(_compact(tables.table(layout)) for layout in COMPACTED)


def _compact(table: LakeTable) -> int:
    saved = 0
    for file_bytes in (table.layout.file_bytes,) if table.layout.file_bytes else SIZES:
        days = _crowded_days(table.files(), table.layout, file_bytes)
        if days is not None:
            try:
                saved += table.compact(days, file_bytes)
                table.shorten_log()
            except ConcurrentCommitError:
                return saved
    return saved


def _crowded_days(files: pl.DataFrame, layout: TableLayout, file_bytes: int) -> list[date] | None:
    """The days with many files below half that size; None if there are none, an empty list for a table without days."""
    if files.is_empty():
        return None
    small = files.filter(pl.col("size_bytes") < file_bytes // 2)
    if not layout.partition_by:
        return [] if small.height >= MOST_SMALL_FILES else None
    counted = small.group_by(day=layout.file_day).len()
    crowded = counted.filter(pl.col("len") >= MOST_SMALL_FILES)["day"]
    return sorted(crowded) or None
