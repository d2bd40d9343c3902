"""What changed in a gold table since a replica was updated: rows that are new or different, and keys that are gone.

Add here: how a change is found. Not here: where the replica is kept (`table_topic`, `postgres_replica`).
"""

import hashlib
from dataclasses import dataclass

import polars as pl

from resources.lake import Lake
from resources.lake_errors import VersionGoneError
from resources.lake_table import LakeTable
from resources.table_files import rows_that_differ
from resources.table_layout import TableLayout


@dataclass(frozen=True)
class TableVersion:
    """A version of a table, and a fingerprint of its columns and files.

    The number alone does not identify it: after a repair the same number may belong to other rows.
    """

    version: int
    fingerprint: str


@dataclass(frozen=True)
class Changes:
    """From one version to another: `rows` that only the newer one holds, and the keys of rows that are `gone`."""

    rows: pl.DataFrame
    gone: pl.DataFrame


def version_of(table: LakeTable) -> TableVersion:
    """The version that this handle is at."""
    files = table.files()
    paths = sorted(files["path"]) if files.height else []
    shape = [f"{name} {kind}" for name, kind in table.layout.schema.items()]
    return TableVersion(table.version, hashlib.sha256("\n".join([*shape, *paths]).encode()).hexdigest()[:32])


def changes_since(lake: Lake, table: LakeTable, held: TableVersion | None) -> Changes | None:
    """What changed from the version `held` to the one of this handle.

    None if there is no such version, or it is no longer kept: then the replica must be written as a whole. Reads only
    the files that are not in both versions.
    """
    before = _marked(lake, table.layout, held) if held else None
    if before is None:
        return None
    try:
        old, new = rows_that_differ(before, table)
    except VersionGoneError:
        return None
    keys = table.layout.key
    changed = new.join(old, on=list(table.layout.schema), how="anti", nulls_equal=True)
    return Changes(changed, old.select(keys).join(new, on=keys, how="anti", nulls_equal=True))


def _marked(lake: Lake, layout: TableLayout, held: TableVersion) -> LakeTable | None:
    try:
        table = lake.table(layout, held.version)
    except VersionGoneError:
        return None
    return table if version_of(table) == held else None
