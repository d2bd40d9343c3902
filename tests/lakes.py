"""Updating a lake, and reading what its tables then hold.

Add here: how tests read several tables. Not here: what should be in them.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from assets.stream.micro_batch import Receipt, micro_batches, open_stream
from assets.stream.stream_assets import Stream
from assets.tables import (
    BRONZE_EVENTS,
    CUSTOMER_DAYS,
    PRODUCT_SALES,
    PRODUCT_SALES_DAILY,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
)
from resources.lake import Lake
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout

ALL = (
    BRONZE_EVENTS,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
    SILVER_BATCHES,
    PRODUCT_SALES,
    PRODUCT_SALES_DAILY,
    CUSTOMER_DAYS,
)


def run(lake: Lake, stream: Stream) -> list[Receipt]:
    return list(
        micro_batches(open_stream(lake), stream.open_reader(), stream.clock, stream.batch_rows, stream.window_seconds)
    )


def rows(lake: Lake, layout: TableLayout) -> pl.DataFrame:
    return in_order(lake.table(layout).read())


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.sort([name for name, kind in rows.schema.items() if not isinstance(kind, pl.List)])


def snapshot(lake: Lake) -> dict[str, pl.DataFrame]:
    return {layout.name: rows(lake, layout) for layout in ALL}


def age(table: LakeTable, hours: int, vacuum: object) -> list[str]:
    """Do what `vacuum` would do if all files were old enough for it."""
    return table._delta.vacuum(0, dry_run=False, full=True, enforce_retention_duration=False)


def a_night_passes(lake: Lake) -> None:
    """Every entry of the lake's logs is older than a log is kept."""
    old = (datetime.now(UTC) - timedelta(hours=7)).timestamp()
    for path in Path(lake.root).rglob("_delta_log/*"):
        os.utime(path, (old, old))


def traces(lake: Lake, users: set[int]) -> list[str]:
    """Every file of the lake, with old versions and logs, that has a number: in its bytes, or once decoded."""
    found = []
    for path in sorted(Path(lake.root).rglob("*")):
        if path.is_file():
            text = path.read_bytes()
            if path.suffix == ".parquet":
                text += repr(pl.read_parquet(path).to_dicts()).encode()
            found += [path.relative_to(lake.root).as_posix() for user in users if str(user).encode() in text]
    return found
