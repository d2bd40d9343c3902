"""A lake copied file by file while batches are committed: `repair` makes the copy whole, and the stream goes on there.

The order makes it safe. Logs come before data: a data file is never changed, and is deleted hours after the log has
dropped it. Bronze's log comes before the others: then the copy of bronze is never ahead of what follows it.
Add here: a way to copy a lake that is in use. Not here: what a power cut does (`test_power_cut`).
"""

import shutil
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_EVENTS
from assets.upkeep.audit import audit
from assets.upkeep.repair import repair
from resources.lake import Lake
from tests.faults.feed import Feed, Stored
from tests.faults.oracle import assert_lake_holds, held
from tests.lakes import run


def in_safe_order(root: Path) -> Iterator[Path]:
    """The folders to copy one after the other; a folder's content is listed when its turn comes."""
    logs = sorted(root.rglob("_delta_log"))
    yield from sorted(logs, key=lambda log: "bronze" not in log.parts)
    yield root


def copy_folder(folder: Path, root: Path, copy: Path) -> None:
    """Copy the files of the folder; of the root itself, those that are in no log and could not be made again."""
    for file in folder.rglob("*"):
        if file.is_dir() or (folder == root and {"_delta_log", "_scratch"} & set(file.parts)):
            continue
        target = copy / file.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(file, target)
        except FileNotFoundError:
            continue  # It has been deleted meanwhile.


def as_read_by(lake: Lake, log: Iterable[Stored]) -> list[Stored]:
    """The log with the batches in which this lake has read the messages."""
    places = held(lake, BRONZE_EVENTS, "batch", "partition", "offset")
    batches = {(partition, offset): batch for batch, partition, offset in places}
    return [replace(stored, batch=batches[stored.partition, stored.offset]) for stored in log]


def assert_goes_on(copy: Lake, stream: Stream, feed: Feed) -> None:
    list(repair(copy, stream.window_seconds, stream.open_reader))
    assert audit(copy).findings == []

    feed.publish()
    run(copy, stream)

    assert_lake_holds(copy, as_read_by(copy, feed.log))


@pytest.fixture
def copy(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "copy"))


def test_a_copy_with_a_batch_between_any_two_tables_goes_on_exactly_once(
    lake: Lake, copy: Lake, stream: Stream, feed: Feed
) -> None:
    feed.publish()
    run(lake, stream)
    for folder in in_safe_order(Path(lake.root)):
        copy_folder(folder, Path(lake.root), Path(copy.root))
        feed.publish()
        run(lake, stream)

    assert_goes_on(copy, stream, feed)
    run(lake, stream)
    assert audit(lake).findings == []


def test_a_copy_made_in_the_middle_of_batches_goes_on_exactly_once(
    lake: Lake, copy: Lake, stream: Stream, feed: Feed
) -> None:
    root, target = Path(lake.root), Path(copy.root)
    feed.publish()
    run(lake, stream)

    def copy_lake() -> None:
        for folder in in_safe_order(root):
            copy_folder(folder, root, target)

    copying = threading.Thread(target=copy_lake)
    copying.start()
    while copying.is_alive():
        feed.publish()
        run(lake, stream)
    copying.join()

    assert_goes_on(copy, stream, feed)
