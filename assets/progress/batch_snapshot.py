"""Tables that tell of the same events, whatever is being committed meanwhile: what a page or a report reads.

Add here: how a reader gets such a set. Not here: SQL over all tables of one moment (`tables.sql_views`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from assets.progress.batches import BATCH
from assets.tables import DAILY, SILVER_PURCHASES
from resources.lake import Lake, LakeTable, TableLayout

_FOLLOWED = (*DAILY, SILVER_PURCHASES)


@dataclass(frozen=True)
class OneBatch:
    """The daily gold tables and the purchases, each at the version that covers `batch` and no later one."""

    batch: int
    versions: tuple[int, ...]
    tables: Mapping[str, LakeTable]

    def table(self, layout: TableLayout) -> LakeTable:
        return self.tables[layout.name]


def tables_of_one_batch(lake: Lake) -> OneBatch:
    """The newest such set: a table that is ahead of another one is read at an older version.

    Raises LakeError, VersionGoneError if a table has been ahead for longer than versions are kept.
    """
    newest = [lake.table(layout) for layout in _FOLLOWED]
    batch = min(_batch(table) for table in newest)
    tables = [_back_to(lake, table, batch) for table in newest]
    return OneBatch(batch, tuple(table.version for table in tables), {table.layout.name: table for table in tables})


def _back_to(lake: Lake, table: LakeTable, batch: int) -> LakeTable:
    while _batch(table) > batch:
        table = lake.table(table.layout, table.version - 1)
    return table


def _batch(table: LakeTable) -> int:
    return table.progress(BATCH) or 0
