"""A table that stands in for some days of another one while they are rebuilt, and then takes their place.

While the files of a large replacement are written, a busy writer commits again and again, and the replacement would
never end. So it is written elsewhere, catches up there with what was committed meanwhile, and is exchanged in a commit
of milliseconds. Only on a local disk: files change their place by a link.
Add here: how days are exchanged. Not here: what the rows are, or how they catch up (`assets`).
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from deltalake.transaction import AddAction, RemoveAction

from resources.held_folders import held
from resources.lake import Lake
from resources.lake_errors import ConcurrentCommitError, again_on_conflict
from resources.lake_table import LakeTable
from resources.scratch import scratch_folder
from resources.table_layout import TableLayout

ATTEMPTS = 50
"""A busy stream commits every few seconds, and an exchange must come between two of its commits."""


@contextmanager
def stand_in(lake: Lake, layout: TableLayout) -> Iterator[LakeTable]:
    """An empty table of this layout, in the lake's scratch folder; deleted at the end."""
    with scratch_folder("stand-in", lake.scratch) as folder:
        yield Lake(str(folder)).table(layout)


def exchange(table: LakeTable, other: LakeTable, days: Sequence[date], progress: Mapping[str, int]) -> None:
    """Put the rows of `other` in the place of `table`'s rows of these days, and set `progress`, in one commit.

    Raises ConcurrentCommitError if anybody has committed to `table` since its handle was loaded, ValueError if a table
    is not on a local disk.
    """
    if not (other.is_local and table.is_local):
        raise ValueError("days can be exchanged on a local disk only")
    source, target = other.folder, table.folder
    # Held, since a writer that fails meanwhile deletes files that no commit names.
    with held(target):
        added = [_linked(file, source, target) for file in _files(source)]
        try:
            table.commit_files([*_removed(table, days), *(action for _, action in added)], progress)
        except ConcurrentCommitError:
            # Not all of them: a commit that was called refused may have happened all the same.
            for place in table.unnamed(place for place, _ in added):
                place.unlink(missing_ok=True)
            raise


def until_exchanged(take_place: Callable[[], bool], layout: TableLayout) -> None:
    """Call `take_place`, which catches up and exchanges, until no commit comes in between.

    Raises ConcurrentCommitError if it returns False: what the days are made from has changed, so compute them again.
    """
    if not again_on_conflict(take_place, attempts=ATTEMPTS):
        raise ConcurrentCommitError(f"{layout.name}: somebody else has rebuilt its days meanwhile")


def _linked(file: Mapping[str, Any], source: Path, target: Path) -> tuple[Path, AddAction]:
    path = str(Path(file["path"]).with_name(f"part-{uuid4()}.parquet"))
    place = target / unquote(path)
    place.parent.mkdir(exist_ok=True)
    os.link(source / unquote(file["path"]), place)
    return place, AddAction(path, file["size"], file["partitionValues"], _now(), True, file["stats"])


def _removed(table: LakeTable, days: Sequence[date]) -> list[RemoveAction]:
    (name,) = table.layout.partition_by
    gone = table.files()
    gone = gone.filter(gone[f"partition.{name}"].is_in(days)) if gone.height else gone
    return [
        RemoveAction(file["path"], True, _now(), file["size_bytes"], {name: str(file[f"partition.{name}"])})
        for file in gone.iter_rows(named=True)
    ]


def _files(folder: Path) -> list[Mapping[str, Any]]:
    """What a table's log says of its current files: the table is young, and all entries are there."""
    held = dict[str, Mapping[str, Any]]()
    for entry in sorted((folder / "_delta_log").glob("*.json")):
        for action in map(json.loads, entry.read_text().splitlines()):
            if "add" in action:
                held[action["add"]["path"]] = action["add"]
            if "remove" in action:
                held.pop(action["remove"]["path"], None)
    return list(held.values())


def _now() -> int:
    return int(time.time() * 1000)
