"""Arrow batches on their way from and to Delta Lake, in parts of a size that memory holds.

Add here: how much is in a part. Not here: what is read (`lake_table`).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import polars as pl
from arro3.core import RecordBatch, RecordBatchReader, Table

from resources.partitions import apart
from resources.table_layout import TableLayout

PART_BYTES = 128 * 2**20
"""A part is full with so many bytes, however few rows they are."""


def in_parts(batches: Iterable[RecordBatch], rows: int) -> Iterator[Table]:
    """The batches in parts of about `rows` rows, or of PART_BYTES if rows are large; only one part is held."""
    held: list[RecordBatch] = []
    for batch in chain(chain.from_iterable(map(_cut, batches)), [None]):
        held += [batch] if batch is not None else []
        if held and (batch is None or _is_full(held, rows)):
            yield Table.from_batches(held)
            held = []


def _cut(batch: RecordBatch) -> Iterator[RecordBatch]:
    """Delta Lake cuts by rows alone."""
    rows = max(1, batch.num_rows * PART_BYTES // max(batch.nbytes, PART_BYTES))
    return (batch.slice(start, min(rows, batch.num_rows - start)) for start in range(0, batch.num_rows, rows))


def _is_full(held: Sequence[RecordBatch], rows: int) -> bool:
    return sum(one.num_rows for one in held) >= rows or sum(one.nbytes for one in held) >= PART_BYTES


def streamed(frames: Iterable[pl.DataFrame], layout: TableLayout, failures: list[Exception]) -> RecordBatchReader:
    """The frames as Arrow reads them, each split by the layout's partitions: only one is held.

    An error that they raise is kept in `failures`, since Arrow loses it. Each frame has the layout's schema.
    """

    def batches() -> Iterator[RecordBatch]:
        try:
            for frame in frames:
                for part in apart(frame, layout.partition_by):
                    yield from Table.from_arrow(part).to_batches()
        except Exception as failure:
            failures.append(failure)
            raise

    return RecordBatchReader.from_batches(Table.from_arrow(pl.DataFrame(schema=layout.schema)).schema, batches())
