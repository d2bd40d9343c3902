"""What a failed write leaves on the disk: nothing that it wrote itself, and all that is somebody else's."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import write_deltalake

from resources import lake_table
from resources.held_folders import held
from resources.lake import Lake
from resources.lake_errors import ConcurrentCommitError, LakeError
from tests.resources.lake_rows import LAYOUT, SECOND, things


@pytest.fixture
def folder(lake: Lake) -> Path:
    """The folder of a table with one row."""
    lake.table(LAYOUT).append(things(1), {})
    return Path(lake.uri(LAYOUT))


@pytest.fixture
def fail(lake: Lake, folder: Path) -> Callable[[], None]:
    """Try a write of two days whose data fit on the disk, and whose commit does not."""

    def fail() -> None:
        table = lake.table(LAYOUT)
        obstacle = folder / "_delta_log" / f"{table.version + 1:020}.json"
        obstacle.mkdir()
        with pytest.raises(ConcurrentCommitError):
            table.append(things(2), {})
        with pytest.raises(ConcurrentCommitError):
            table.replace(things(3, day=SECOND), None, {})
        obstacle.rmdir()

    return fail


def data_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.parquet*"))


def test_attempts_that_fail_leave_no_file(lake: Lake, folder: Path, fail: Callable[[], None]) -> None:
    before = data_files(folder)

    for _ in range(5):
        fail()

    assert data_files(folder) == before
    assert lake.table(LAYOUT).read()["number"].to_list() == [1]


def test_a_write_whose_outcome_looks_like_a_failure_keeps_its_files(
    lake: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written_and_failed(*arguments: Any, **named: Any) -> None:
        write_deltalake(*arguments, **named)
        raise OSError("no space left for the checkpoint")

    with monkeypatch.context() as patch:
        patch.setattr(lake_table, "write_deltalake", written_and_failed)
        with pytest.raises(LakeError, match="no space left"):
            lake.table(LAYOUT).append(things(2), {})

    assert sorted(lake.table(LAYOUT).read()["number"]) == [1, 2]


def test_nothing_is_deleted_while_another_writes(folder: Path, fail: Callable[[], None]) -> None:
    before = data_files(folder)

    with held(folder):
        fail()

    assert len(data_files(folder)) == len(before) + 2


def test_what_lay_there_before_stays(folder: Path, fail: Callable[[], None]) -> None:
    other = folder / "event_date=2019-10-01" / "part-of-another-c000.zstd.parquet"
    other.write_bytes(b"PAR1")
    os.utime(other, (1, 1))

    fail()

    assert other.exists()
