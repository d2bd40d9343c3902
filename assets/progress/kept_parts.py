"""Results of closed days, kept as files on the local disk, so that a refresh computes only the newest days.

The name of a part is a fingerprint of the data files it was computed from: a changed row gives a new name. A part may
be deleted at any time; it is then recomputed. What a table was computed from may be kept too, to find what has changed.
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


def keep(lake: Lake, name: str, mark: int, rows: pl.DataFrame) -> None:
    """Keep what a commit is going to be computed from, under its fingerprint, beside what is kept already."""
    part = _marked(lake, name, mark)
    if not part.exists():
        _write(part, rows)


def kept(lake: Lake, name: str, mark: int) -> pl.DataFrame | None:
    """What was kept under this fingerprint; None if somebody has deleted it."""
    part = _marked(lake, name, mark)
    return pl.read_parquet(part) if part.exists() else None


def forget_others(lake: Lake, name: str, mark: int) -> None:
    """Delete what is kept under other fingerprints: no commit needs it any more."""
    part = _marked(lake, name, mark)
    for other in part.parent.iterdir():
        if other != part:
            other.unlink(missing_ok=True)


def drop_parts(lake: Lake) -> None:
    """Delete all parts."""
    shutil.rmtree(_folder(lake), ignore_errors=True)


def _put(part: Path, rows: pl.DataFrame) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    for former in part.parent.iterdir():
        former.unlink(missing_ok=True)
    _write(part, rows)


def _write(part: Path, rows: pl.DataFrame) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    made = part.with_suffix(f".{uuid4()}")
    rows.write_parquet(made)
    os.replace(made, part)


def _marked(lake: Lake, name: str, mark: int) -> Path:
    return lake.scratch / "marked" / name / f"{mark}.parquet"


def _folder(lake: Lake) -> Path:
    return lake.scratch / "parts"
