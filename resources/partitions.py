"""Cuts rows by partition, so that the writer of a table has nothing to sort.

Add here: how rows are cut by their partition. Not here: how they are written (`lake_table`).
"""

from collections.abc import Iterator, Sequence

import polars as pl

MOST_PARTS = 100
"""Rows that change their partition more often than this are left as they are."""


def apart(rows: pl.DataFrame, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """The rows of one partition after another, if they come in that order; else all rows at once."""
    if not columns:
        yield rows
        return
    runs = rows.select(pl.struct(columns).rle().struct.field("len")).to_series()
    if len(runs) > MOST_PARTS:
        yield rows
        return
    start = 0
    for length in runs:
        yield rows[start : start + length]
        start += length
