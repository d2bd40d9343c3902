"""Files that somebody else wrote into a table's folder are taken in, and what must not be taken in is refused."""

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction
from polars.testing import assert_frame_equal

from resources.adoption import written_files
from resources.held_folders import held as in_use
from resources.lake import Lake
from resources.lake_errors import ConcurrentCommitError, LakeError
from resources.lake_table import LakeTable
from tests.resources.lake_rows import FIRST, LAYOUT, SECOND, things

NEW = date(2019, 10, 3)
"""A day without rows."""

SAID = ["num_records", "null_count.number", "min.number", "max.number", "partition.event_date"]


@pytest.fixture
def table(lake: Lake) -> LakeTable:
    """A handle of a table with two days, of which batch 1 was the last."""
    lake.table(LAYOUT).append(pl.concat([things(1, 2), things(7, day=SECOND)]), {"batch": 1})
    return lake.table(LAYOUT)


def files(lake: Lake, *rows: pl.DataFrame) -> list[AddAction]:
    """What a worker does: it writes a table of its own, and its files get into the folder."""
    worker = Lake(f"{lake.root}-worker/{uuid4()}")
    for some in rows:
        worker.table(LAYOUT).append(some, {})
    source, target = worker.table(LAYOUT).folder, lake.table(LAYOUT).folder
    written = written_files(source)
    for file in written:
        (target / file.path).parent.mkdir(exist_ok=True)
        os.link(source / file.path, target / file.path)
    return written


def held(lake: Lake) -> list[tuple[int, date]]:
    return sorted(lake.table(LAYOUT).read().rows())


BEFORE = [(1, FIRST), (2, FIRST), (7, SECOND)]


def test_adopted_files_take_the_place_of_the_days_rows(lake: Lake, table: LakeTable) -> None:
    table.adopt(files(lake, things(4), things(5)), [FIRST], {"batch": 1, "rebuilt": 1})

    assert held(lake) == [(4, FIRST), (5, FIRST), (7, SECOND)]
    assert (table.progress("batch"), lake.table(LAYOUT).progress("rebuilt")) == (1, 1)
    assert table.version == lake.table(LAYOUT).version


def test_without_days_adopted_files_are_added(lake: Lake, table: LakeTable) -> None:
    table.adopt(files(lake, things(4)), [], {"batch": 2})

    assert held(lake) == sorted([*BEFORE, (4, FIRST)])


def test_the_log_says_of_an_adopted_file_what_it_says_of_one_that_the_table_wrote(lake: Lake, table: LakeTable) -> None:
    rows = pl.concat([things(4, 9), pl.DataFrame({"number": None, "event_date": FIRST}, schema=LAYOUT.schema)])
    table.adopt(files(lake, rows), [FIRST, SECOND], {})
    lake.table(LAYOUT).append(rows, {})

    adopted, appended = lake.table(LAYOUT).files().select(SAID).rows()
    assert adopted == appended == (3, 1, 4, 9, FIRST)
    assert lake.table(LAYOUT).file_uris(f"event_date = DATE '{FIRST}' AND number > 9") == []


MEANWHILE: dict[str, Callable[[Lake], object]] = {
    "an append to the day": lambda lake: lake.table(LAYOUT).append(things(3), {"batch": 2}),
    "an append to the day without a name": lambda lake: lake.table(LAYOUT).append(things(3), {}),
    "an append to another day": lambda lake: lake.table(LAYOUT).append(things(3, day=SECOND), {"batch": 2}),
    "another day is replaced": lambda lake: lake.table(LAYOUT).replace(
        things(3, day=SECOND), LAYOUT.on_days([SECOND]), {}
    ),
    "the day is replaced": lambda lake: lake.table(LAYOUT).replace(things(3), LAYOUT.on_days([FIRST]), {}),
    "the day is adopted": lambda lake: lake.table(LAYOUT).adopt(files(lake, things(3)), [FIRST], {}),
    "a fence": lambda lake: lake.table(LAYOUT).fence_off(1),
}


@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_whatever_was_committed_meanwhile_refuses_the_adoption(lake: Lake, table: LakeTable, meanwhile: str) -> None:
    mine = files(lake, things(4))
    MEANWHILE[meanwhile](lake)
    before = held(lake)

    with pytest.raises(ConcurrentCommitError):
        table.adopt(mine, [FIRST], {"batch": 1})

    assert held(lake) == before


def test_after_a_conflict_the_same_files_are_adopted_by_a_newer_handle(lake: Lake, table: LakeTable) -> None:
    mine = files(lake, things(4))
    MEANWHILE["another day is replaced"](lake)

    # Otherwise a commit that fails takes back what it finds in the folder.
    with in_use(table.folder):
        with pytest.raises(ConcurrentCommitError):
            table.adopt(mine, [FIRST], {})
        lake.table(LAYOUT).adopt(mine, [FIRST], {})

    assert held(lake) == [(3, SECOND), (4, FIRST)]


@pytest.mark.parametrize(("progress", "is_refused"), [({"batch": 1}, True), ({}, False)])
def test_an_appender_that_looked_before_the_adoption_is_refused_by_the_name_that_it_moves(
    lake: Lake, table: LakeTable, progress: dict[str, int], is_refused: bool
) -> None:
    """So whoever adopts days of a table that a stream appends to commits the stream's own number once more.

    Delta Lake itself sees only an adoption that removes files: not one of a day that had none.
    """
    appender = lake.table(LAYOUT)
    table.adopt(files(lake, things(4, day=NEW)), [NEW], progress)

    with pytest.raises(ConcurrentCommitError) if is_refused else nullcontext():
        appender.append(things(3, day=NEW), {"batch": 2})

    assert ((3, NEW) in held(lake)) is not is_refused


WRONG: dict[str, tuple[type[Exception], str, Callable[[Path, AddAction], AddAction]]] = {
    "a day that is not replaced": (
        ValueError,
        "which is not replaced",
        lambda place, file: replace(file, partition_values={"event_date": str(SECOND)}),
    ),
    "no statistics": (ValueError, "statistics", lambda place, file: replace(file, stats="")),
    "only a count": (ValueError, "statistics", lambda place, file: replace(file, stats='{"numRecords": 1}')),
    "another size": (LakeError, "not there as it was", lambda place, file: replace(file, size=file.size - 1)),
    "cut short": (LakeError, "not there as it was", lambda place, file: cut(place, file)),
    "on a disk of the worker's own": (LakeError, "not there as it was", lambda place, file: gone(place, file)),
}


def cut(place: Path, file: AddAction) -> AddAction:
    content = place.read_bytes()[:-1]
    place.write_bytes(content)
    return replace(file, size=len(content))


def gone(place: Path, file: AddAction) -> AddAction:
    place.unlink()
    return file


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_would_make_a_wrong_table_is_not_adopted(lake: Lake, table: LakeTable, wrong: str) -> None:
    error, message, spoil = WRONG[wrong]
    (file,) = files(lake, things(4))
    spoiled = spoil(table.folder / file.path, file)

    with pytest.raises(error, match=message):
        table.adopt([spoiled], [FIRST], {"batch": 1})

    assert held(lake) == BEFORE
    assert lake.table(LAYOUT).version == table.version


def test_a_commit_that_happened_and_was_called_refused_shows_in_the_progress(
    lake: Lake, table: LakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever tries again loads the table again, and finds its own number there."""
    commit = DeltaTable.create_write_transaction

    def refused(*arguments: object, **named: object) -> None:
        commit(*arguments, **named)  # type: ignore[arg-type]
        raise CommitFailedError("a commit of this number exists already")

    mine = files(lake, things(4))
    monkeypatch.setattr(DeltaTable, "create_write_transaction", refused)
    with pytest.raises(ConcurrentCommitError):
        table.adopt(mine, [FIRST], {"rebuilt": 1})
    monkeypatch.undo()

    assert lake.table(LAYOUT).progress("rebuilt") == 1
    with pytest.raises(ConcurrentCommitError):
        table.adopt(mine, [FIRST], {"rebuilt": 1})
    assert held(lake) == [(4, FIRST), (7, SECOND)]


def test_what_a_failed_worker_wrote_is_in_no_list_of_files(lake: Lake, table: LakeTable) -> None:
    """Its file is on the disk, but its commit is not: only what a commit names is handed over."""
    worker = Lake(f"{lake.root}-worker").table(LAYOUT)
    worker.append(things(4), {})
    (worker.folder / f"event_date={FIRST}" / "part-orphan.parquet").write_bytes(b"PAR1 half a file")

    def failing() -> Iterator[pl.DataFrame]:
        yield things(5)
        raise OSError("the worker's disk is full")

    with pytest.raises(OSError, match="full"):
        worker.append(failing(), {})

    named = [file.path for file in written_files(worker.folder)]
    assert named == worker.files()["path"].to_list()
    assert_frame_equal(lake.table(LAYOUT).read(), table.read(), check_row_order=False)
