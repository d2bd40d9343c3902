"""Results of closed days, kept as files on the local disk, so that a refresh computes only the newest days.

The name of a part is a fingerprint of the data files it was computed from: a changed row gives a new name. A part may
be deleted at any time; it is then recomputed.
Add here: how a part is kept. Not here: what a part contains.
"""

import os
import shutil
from collections.abc import Callable, Collection, Sequence
from datetime import date
from pathlib import Path
from uuid import uuid4

import polars as pl

from assets.progress.source_fingerprints import day_rows, fingerprint
from resources.lake import Lake
from resources.lake_table import LakeTable
from resources.slices import slices_of

Compute = Callable[[pl.DataFrame], pl.DataFrame]


def kept_part(
    lake: Lake,
    table: LakeTable,
    name: str,
    days: Collection[date],
    columns: Sequence[str],
    compute: Compute,
    query: str,
    where: str = "true",
) -> pl.DataFrame:
    """The result of `compute` for the rows of these days for which `where` holds; computed only if no part has it.

    `compute` is called with slices of the rows, by user: its results, concatenated, must equal those of all rows at
    once. A changed `query`, the text of the computation, makes a new part. Only the newest part of a `name` is kept.
    """
    files = table.files()
    paths = files.filter(pl.col(table.layout.file_day).is_in(list(days)))["path"].sort()
    part = _folder(lake) / name / f"{fingerprint(f'{paths.to_list()} {where} {query}')}.parquet"
    if not part.exists():
        rows = sum(count for day, (count, _) in day_rows(table).items() if day in days)
        with slices_of(table, f"{where} AND {table.layout.on_days(days)}", rows, columns, "user_id") as slices:
            _put(part, pl.concat(compute(some) for some in slices))
    return pl.read_parquet(part)


def drop_parts(lake: Lake) -> None:
    """Delete all parts."""
    shutil.rmtree(_folder(lake), ignore_errors=True)


def _put(part: Path, rows: pl.DataFrame) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    for former in part.parent.iterdir():
        former.unlink(missing_ok=True)
    made = part.with_suffix(f".{uuid4()}")
    rows.write_parquet(made)
    os.replace(made, part)


def _folder(lake: Lake) -> Path:
    return lake.scratch / "parts"
