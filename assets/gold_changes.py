"""What changed in a gold table since a copy of it was made: rows that are new or different, and keys that are gone.

Add here: how a change is found. Not here: where the copy is kept (`sales_topic`, `postgres_copy`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from assets.tables import CUSTOMER_DAYS, CUSTOMER_VALUE, PRODUCT_SALES, PRODUCT_SALES_DAILY, RESTATEMENTS
from resources.lake import Lake, LakeTable, TableLayout, VersionGoneError

KEYS = {
    PRODUCT_SALES.name: ("event_date", "window_start", "product_id"),
    PRODUCT_SALES_DAILY.name: ("event_date", "product_id"),
    CUSTOMER_DAYS.name: ("event_date", "user_id"),
    CUSTOMER_VALUE.name: ("user_id",),
    RESTATEMENTS.name: ("window_start", "product_id", "restated_at"),
}
"""The columns that name a row of each table."""


@dataclass(frozen=True)
class Mark:
    """A version of a table, and a fingerprint of its columns and files.

    The number alone does not name it: a lake that was repaired may give the same number to other rows.
    """

    version: int
    fingerprint: str


@dataclass(frozen=True)
class Changes:
    """From one version to another: `rows` that only the newer one holds, and the keys of those that are `gone`."""

    rows: pl.DataFrame
    gone: pl.DataFrame


def mark_of(table: LakeTable) -> Mark:
    """The mark of the version that this handle is at."""
    files = table.files()
    paths = sorted(files["path"]) if files.height else []
    shape = [f"{name} {kind}" for name, kind in table.layout.schema.items()]
    return Mark(table.version, hashlib.sha256("\n".join([*shape, *paths]).encode()).hexdigest()[:32])


def changes_since(lake: Lake, table: LakeTable, held: Mark | None) -> Changes | None:
    """What changed from the version that `held` marks to the one of this handle.

    None where that can't be told, since that version is no longer kept: then a copy has to be compared as a whole.
    Reads only the days whose files are others.
    """
    before = _marked(lake, table.layout, held) if held else None
    if before is None:
        return None
    where = _where_they_differ(before, table)
    keys = KEYS[table.layout.name]
    if where == "":
        nothing = pl.DataFrame(schema=table.layout.schema)
        return Changes(nothing, nothing.select(keys))
    old, new = before.read(where), table.read(where)
    changed = new.join(old, on=list(table.layout.schema), how="anti", nulls_equal=True)
    return Changes(changed, old.select(keys).join(new, on=keys, how="anti"))


def _marked(lake: Lake, layout: TableLayout, held: Mark) -> LakeTable | None:
    try:
        table = lake.table(layout, held.version)
    except VersionGoneError:
        return None
    return table if mark_of(table) == held else None


def _where_they_differ(before: LakeTable, after: LakeTable) -> str | None:
    """The predicate for the days to compare: None for all of a table without days, empty where no file is another."""
    differing = (
        _files(before)
        .join(_files(after), on="path", how="anti")
        .vstack(_files(after).join(_files(before), on="path", how="anti"))
    )
    if differing.is_empty():
        return ""
    if not after.layout.partition_by:
        return None
    days: Sequence[date] = sorted(set(differing["day"]))
    return after.layout.on_days(days)


def _files(table: LakeTable) -> pl.DataFrame:
    """The files of a table, and the day of each (null in a table without days)."""
    files = table.files()
    if files.is_empty():
        return pl.DataFrame(schema={"path": pl.String, "day": pl.Date})
    day = pl.col(f"partition.{table.layout.partition_by[0]}") if table.layout.partition_by else pl.lit(None, pl.Date)
    return files.select("path", day=day)
