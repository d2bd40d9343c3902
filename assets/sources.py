"""What a table was computed from, as its own commits remember it.

A version of the source moves with each commit, also with those of upkeep, which change no row: so a refresh goes by the
version, and whoever asks whether a table is late goes by the content.
Add here: how a source is remembered. Not here: what is computed from it.
"""

import hashlib
from collections.abc import Iterable
from datetime import date

import polars as pl

from resources.lake import LakeTable


def seen(source: LakeTable) -> dict[str, int]:
    """The progress of a commit that was computed from this version of a table with days."""
    return {source.layout.name: source.version, _content(source): hash_of(str(day_contents(source)))}


def has_moved(table: LakeTable, source: LakeTable) -> bool:
    """Whether the source has another version than the one that the table was computed from."""
    return (table.progress(source.layout.name) or 0) != source.version


def has_changed(table: LakeTable, source: LakeTable) -> bool:
    """Whether the source has other rows, too, as far as their number and their newest moments tell."""
    return has_moved(table, source) and table.progress(_content(source)) != hash_of(str(day_contents(source)))


def day_contents(table: LakeTable) -> dict[date, tuple[object, ...]]:
    """Per day that the table holds: how many rows, when the newest was written, and how often it was rebuilt.

    The same once files are merged. A rebuild may change rows and leave their number and the newest as they were.
    """
    files = table.files()
    if files.is_empty():
        return {}
    written = "ingested_at" if "ingested_at" in table.layout.schema else "updated_at"
    day = f"partition.{table.layout.partition_by[0]}"
    known = files.group_by(day).agg(pl.col("num_records").sum(), pl.col(f"max.{written}").max()).sort(day)
    return {when: (rows, newest, table.progress(_rebuilt(when))) for when, rows, newest in known.iter_rows()}


def rebuilt_again(table: LakeTable, days: Iterable[date]) -> dict[str, int]:
    """The progress of a commit that rebuilds these days."""
    return {_rebuilt(day): (table.progress(_rebuilt(day)) or 0) + 1 for day in days}


def hash_of(text: str) -> int:
    """A number of 62 bits, as progress can hold it."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 2


def _content(source: LakeTable) -> str:
    return f"{source.layout.name}/content"


def _rebuilt(day: date) -> str:
    return f"rebuilt/{day:%Y%m%d}"
