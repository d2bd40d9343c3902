"""Data files that were not written by way of a table, as it takes them in: what its log has to say of them.

Delta Lake believes what a commit says of a file. A wrong size, a day that is not replaced or a missing count would be
a wrong table, so all is checked before.
Add here: what is said of such files, and of those that they replace. Not here: the commit (`lake_table`), or how a file
gets into the table's folder (`stand_in`).
"""

import json
import time
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import polars as pl
from deltalake.transaction import AddAction, RemoveAction

from resources.lake_errors import LakeError
from resources.parquet_marks import is_broken
from resources.table_layout import TableLayout

_COUNTED = ("numRecords", "minValues", "maxValues", "nullCount")
"""What Delta Lake's own writer says of a file. Days are found, and told from changed ones, by these."""


def written_files(folder: Path) -> list[AddAction]:
    """What a young table's log says of its current files, in the words of the writer; all entries must be there."""
    held = dict[str, AddAction]()
    for entry in sorted((folder / "_delta_log").glob("*.json")):
        for action in map(json.loads, entry.read_text().splitlines()):
            if "add" in action:
                add = action["add"]
                held[add["path"]] = AddAction(
                    add["path"], add["size"], add["partitionValues"], now(), True, add["stats"]
                )
            if "remove" in action:
                held.pop(action["remove"]["path"], None)
    return list(held.values())


def rows_written(folder: Path) -> int:
    """How many rows a young table has by its log; 0 if it is not there."""
    return sum(int(json.loads(file.stats)["numRecords"]) for file in written_files(folder))


def exchanged(
    layout: TableLayout, held: pl.DataFrame, days: Collection[date], files: Iterable[AddAction]
) -> list[AddAction | RemoveAction]:
    """The actions that put `files` in the place of those that a table holds (as `LakeTable.files`) of these days."""
    if held.is_empty() or not days:
        return list(files)
    (name,) = layout.partition_by
    gone = held.filter(pl.col(layout.file_day).is_in(list(days)))
    removed = (
        RemoveAction(file["path"], True, now(), file["size_bytes"], {name: str(file[layout.file_day])})
        for file in gone.iter_rows(named=True)
    )
    return [*removed, *files]


def check_files(layout: TableLayout, files: Iterable[AddAction], days: Collection[date], folder: Path | None) -> None:
    """Raises ValueError if a file is of none of `days` (if there are any), or lacks its statistics.

    With the `folder` of a table on a disk: LakeError if a file is not there as it was written.
    """
    for file in files:
        day = dict(file.partition_values).get(layout.partition_by[0]) if layout.partition_by else None
        if days and day not in {str(one) for one in days}:
            raise ValueError(f"{layout.name}: {file.path} holds rows of {day}, which is not replaced")
        if set(_COUNTED) - _counted(file):
            raise ValueError(f"{layout.name}: the statistics of {file.path} are missing")
        if folder and is_broken(folder / unquote(file.path), file.size):
            raise LakeError(
                f"{layout.name}: {file.path} is not there as it was written, so nothing was taken in. Check that each "
                "worker reaches the lake's folder under the same path, then run again"
            )


def _counted(file: AddAction) -> set[str]:
    counted: Mapping[str, object] = json.loads(file.stats or "{}")
    return {name for name, value in counted.items() if value is not None}


def now() -> int:
    """The time as Delta Lake's log has it: milliseconds since 1970."""
    return int(time.time() * 1000)
