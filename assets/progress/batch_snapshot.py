"""A snapshot of tables that the stream writes, all at the same batch, for pages and reports.

Add here: how a reader gets a snapshot. Not here: SQL over a snapshot of all tables (`tables.sql_views`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assets.progress.batches import batch_of
from assets.tables import DAILY, PRODUCT_SALES, SILVER_PURCHASES
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout

SALES = (PRODUCT_SALES, SILVER_PURCHASES)
"""The tables that each batch updates at once."""

DAYS = (*DAILY, SILVER_PURCHASES)
"""SALES and the tables with a row per day, which follow some seconds later."""


@dataclass(frozen=True)
class BatchSnapshot:
    """Tables by their names, each at the version whose last batch is `batch`."""

    batch: int
    versions: tuple[int, ...]
    tables: Mapping[str, LakeTable]

    def table(self, layout: TableLayout) -> LakeTable:
        return self.tables[layout.name]


def batch_snapshot(lake: Lake, layouts: Sequence[TableLayout] = DAYS) -> BatchSnapshot:
    """The newest snapshot of these tables: a table that is ahead of the others is read at an older version.

    Raises LakeError; VersionGoneError if a table has been ahead for longer than versions are kept.
    """
    # A table that has rested for hours may be written to, and its old log deleted, while it is being loaded.
    return again_on_conflict(lambda: _snapshot(lake, layouts))


def _snapshot(lake: Lake, layouts: Sequence[TableLayout]) -> BatchSnapshot:
    newest = [lake.table(layout) for layout in layouts]
    batch = min(batch_of(table) for table in newest)
    tables = [_back_to(lake, table, batch) for table in newest]
    return BatchSnapshot(
        batch, tuple(table.version for table in tables), {table.layout.name: table for table in tables}
    )


def _back_to(lake: Lake, table: LakeTable, batch: int) -> LakeTable:
    while batch_of(table) > batch:
        table = lake.table(table.layout, table.version - 1)
    return table
