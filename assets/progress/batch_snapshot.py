"""Tables that tell of the same events, whatever is being committed meanwhile: what a page or a report reads.

Add here: how a reader gets such a set. Not here: SQL over all tables of one moment (`tables.sql_views`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from assets.progress.batches import batch_of
from assets.tables import DAILY, SILVER_PURCHASES
from resources.lake import Lake
from resources.lake_table import LakeTable, TableLayout

_FOLLOWED = (*DAILY, SILVER_PURCHASES)


@dataclass(frozen=True)
class BatchSnapshot:
    """The daily gold tables and the purchases, each at the version that covers `batch` and no later one."""

    batch: int
    versions: tuple[int, ...]
    tables: Mapping[str, LakeTable]

    def table(self, layout: TableLayout) -> LakeTable:
        return self.tables[layout.name]


def batch_snapshot(lake: Lake) -> BatchSnapshot:
    """The newest such set: a table that is ahead of another one is read at an older version.

    Raises LakeError, VersionGoneError if a table has been ahead for longer than versions are kept.
    """
    newest = [lake.table(layout) for layout in _FOLLOWED]
    batch = min(batch_of(table) for table in newest)
    tables = [_back_to(lake, table, batch) for table in newest]
    return BatchSnapshot(
        batch, tuple(table.version for table in tables), {table.layout.name: table for table in tables}
    )


def _back_to(lake: Lake, table: LakeTable, batch: int) -> LakeTable:
    while batch_of(table) > batch:
        table = lake.table(table.layout, table.version - 1)
    return table
