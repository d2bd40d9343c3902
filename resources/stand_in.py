"""A table that stands in for some days of another one while they are rebuilt, and then takes their place.

While the files of a large replacement are written, a busy writer commits again and again, and the replacement would
never end. So it is written elsewhere, catches up there with what was committed meanwhile, and is exchanged in a commit
of milliseconds. Only on a local disk: files change their place by a link.
Add here: how days are exchanged. Not here: what the rows are, or how they catch up (`assets`).
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from urllib.parse import unquote
from uuid import uuid4

from deltalake.transaction import AddAction

from resources.adoption import written_files
from resources.held_folders import held
from resources.lake import Lake
from resources.lake_errors import ConcurrentCommitError, LakeError, again_on_conflict
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
        added = [_linked(file, source, target) for file in written_files(source)]
        try:
            table.adopt([file for _, file in added], days, progress)
        except ConcurrentCommitError:
            # Not all of them: a commit that was called refused may have happened all the same.
            for place in table.unnamed(place for place, _ in added):
                place.unlink(missing_ok=True)
            raise


def join(table: LakeTable, others: Iterable[LakeTable], progress: Mapping[str, int]) -> None:
    """Add the rows of `others`, young tables in the same scratch folder, to the stand-in `table`, in one commit.

    Raises LakeError if a file is not there.
    """
    try:
        with held(table.folder):
            added = [
                _linked(file, other.folder, table.folder)[1] for other in others for file in written_files(other.folder)
            ]
            table.adopt(added, (), progress)
    except FileNotFoundError as missing:
        raise LakeError(f"a file for {table.layout.name} is gone: {missing.filename}. Run it again") from missing


def until_exchanged(take_place: Callable[[], bool], layout: TableLayout) -> None:
    """Call `take_place`, which catches up and exchanges, until no commit comes in between.

    Raises ConcurrentCommitError if it returns False: what the days are made from has changed, so compute them again.
    """
    if not again_on_conflict(take_place, attempts=ATTEMPTS):
        raise ConcurrentCommitError(f"{layout.name}: somebody else has rebuilt its days meanwhile")


def _linked(file: AddAction, source: Path, target: Path) -> tuple[Path, AddAction]:
    path = str(Path(file.path).with_name(f"part-{uuid4()}.parquet"))
    place = target / unquote(path)
    place.parent.mkdir(exist_ok=True)
    os.link(source / unquote(file.path), place)
    return place, replace(file, path=path)
