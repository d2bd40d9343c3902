"""Cuts days of silver into slices that fit into memory: all rows of a user, or of a visit, are in the same slice.

A day of 86 million events is read once, and split into temporary files.
Add here: how days are cut. Not here: what is computed from a slice.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from resources.lake_table import LakeTable
from resources.scratch import scratch_folder

SLICE = 1_000_000
"""About how many rows are computed at once: DuckDB takes about 1 GB for them."""

PIECE = 1_000_000

READ_AT_ONCE = 2 * SLICE
"""Up to this many rows are one slice."""


@contextmanager
def slices_of(
    table: LakeTable, where: str, rows: int, columns: Sequence[str], by: str
) -> Iterator[Iterator[pl.DataFrame]]:
    """The rows of `table.read`, in frames; no two frames share a value of the column `by`.

    `rows` is about how many rows there are. Null is a value of `by` like the others.
    """
    if rows <= READ_AT_ONCE:
        yield iter((table.read(where, columns),))
        return
    count = -(-rows // SLICE)
    with scratch_folder("salesinsights-slices") as folder:
        for number, piece in enumerate(table.stream(where, PIECE, columns)):
            _put_apart(folder, number, piece, by, count)
        yield (pl.read_parquet(part / "*.parquet") for part in sorted(folder.iterdir()))


def _put_apart(folder: Path, number: int, piece: pl.DataFrame, by: str, count: int) -> None:
    numbered = piece.with_columns(_slice=pl.col(by).hash(7) % count)
    for (key,), part in numbered.partition_by("_slice", as_dict=True, include_key=False).items():
        place = folder / str(key)
        place.mkdir(exist_ok=True)
        part.write_parquet(place / f"{number}.parquet", compression="lz4")
