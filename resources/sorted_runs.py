"""Holds more rows than fit in memory: in temporary files, given back in pieces, in the order of a key.

Add here: how rows are put aside. Not here: what is done with a piece.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

KEY = "_key"
"""The integer column by which rows are sorted."""

_PAGE_ROWS = 16_384
"""Rows in a group of a file. A piece reads a slice of each file; small groups keep it from reading much more."""

_QUICK_RUNS = 12
"""The first files are written as they lie in memory, in half the time; the others take a quarter of the space."""


@dataclass(frozen=True)
class _Run:
    """Rows in the order of their keys. `counts` has a line for each key: KEY, its rows as `len`, their sum as `end`."""

    rows: pl.LazyFrame
    counts: pl.DataFrame
    alike: Sequence[pl.Expr]
    """The columns with one value in all rows; `rows` lacks them."""
    columns: Sequence[str]

    def between(self, first: int, last: int) -> pl.LazyFrame:
        inside = self.counts_of(first, last)
        start, end = (int(inside["end"][0] - inside["len"][0]), int(inside["end"][-1])) if inside.height else (0, 0)
        return self.rows.slice(start, end - start).with_columns(self.alike).select(self.columns)

    def counts_of(self, first: int | None, last: int | None) -> pl.DataFrame:
        keys = self.counts[KEY]
        start = 0 if first is None else int(keys.search_sorted(first, side="left"))
        end = len(keys) if last is None else int(keys.search_sorted(last, side="right"))
        return self.counts.slice(start, max(end - start, 0))


class SortedRuns:
    """Rows that come in any order and leave in the order of their keys, about `rows_at_once` at a time.

    Memory holds that many; the others are in files in `folder`, which the caller removes. Their names begin with
    `name`, so that others can share the folder.
    """

    def __init__(self, folder: Path, name: str, rows_at_once: int) -> None:
        self._folder, self._name, self._rows_at_once = folder, name, rows_at_once
        self._held: list[pl.DataFrame] = []
        self._runs: list[_Run] = []

    def add(self, rows: pl.DataFrame) -> None:
        """Take in rows: always the same columns, KEY among them."""
        if rows.height:
            self._held.append(rows)
        if sum(held.height for held in self._held) >= self._rows_at_once:
            self._put_aside()

    def _put_aside(self) -> None:
        rows, self._held = _in_order(self._held), []
        alike = [name for name in rows.columns if name != KEY and _is_alike(rows[name])]
        kept, path = rows.drop(alike), self._folder / f"{self._name}-{len(self._runs):05}"
        if len(self._runs) < _QUICK_RUNS:
            kept.write_ipc(path, record_batch_size=_PAGE_ROWS)
            scan = pl.scan_ipc(path)
        else:
            kept.write_parquet(path, compression="lz4", statistics=False, row_group_size=_PAGE_ROWS)
            scan = pl.scan_parquet(path)
        values = [pl.lit(rows[name][0], rows[name].dtype).alias(name) for name in alike]
        self._runs.append(_Run(scan, _counts(rows), values, rows.columns))

    def pieces(self, first: int | None = None, last: int | None = None) -> Iterator[pl.DataFrame]:
        """The rows with keys from `first` to `last`, both included, the lowest keys first; within a piece in any order.

        All rows of a key are in one piece, so one key alone may make a piece larger. Can be called again.
        """
        runs = [*self._runs, *self._in_memory()]
        if not runs:
            return
        # A month has a key a second: of all of them only those that are asked for are looked at.
        asked = pl.concat(run.counts_of(first, last) for run in runs).group_by(KEY).agg(pl.col("len").sum()).sort(KEY)
        before = pl.col("len").cum_sum() - pl.col("len")
        spans = asked.group_by(piece=before // self._rows_at_once).agg(start=pl.col(KEY).min(), end=pl.col(KEY).max())
        for _, start, end in spans.sort("piece").iter_rows():
            yield pl.concat(pl.collect_all(run.between(start, end) for run in runs))

    def _in_memory(self) -> list[_Run]:
        if not self._held:
            return []
        rows = _in_order(self._held)
        self._held = [rows]
        return [_Run(rows.lazy(), _counts(rows), [], rows.columns)]


def _in_order(frames: list[pl.DataFrame]) -> pl.DataFrame:
    rows = pl.concat(frames)
    return rows if rows[KEY].is_sorted() else rows.sort(KEY, maintain_order=True)


def _is_alike(values: pl.Series) -> bool:
    """Whether all values are the same, or all are null."""
    if values.null_count():
        return values.null_count() == len(values)
    return bool(values[0] == values[-1]) and bool(values.min() == values.max())


def _counts(rows: pl.DataFrame) -> pl.DataFrame:
    runs = rows[KEY].rle().struct.unnest()
    lengths = pl.col("len").cast(pl.Int64)
    return runs.select(pl.col("value").alias(KEY), lengths, lengths.cum_sum().alias("end"))
