"""Fences: who can't commit any more, and what a purge deletes beside writers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from resources.lake import Lake
from resources.lake_errors import ConcurrentCommitError, FencedOffError
from resources.lake_table import LakeTable
from tests.faults.interleaving import once_before
from tests.resources.lake_rows import LAYOUT, things

WRITES: dict[str, Callable[[LakeTable], object]] = {
    "append": lambda table: table.append(things(9), {}),
    "replace": lambda table: table.replace(things(9), None, {}),
    "exchange": lambda table: table.adopt([], [], {"batch": 9}),
    "compact": lambda table: table.compact(table.days),
    "annotate": lambda table: table.annotate({"salesinsights.note": "x"}),
}


@pytest.fixture
def held(lake: Lake) -> LakeTable:
    """A handle of a table with two files."""
    for number in (1, 2):
        lake.table(LAYOUT).append(things(number), {})
    return lake.table(LAYOUT)


def numbers(lake: Lake) -> list[int]:
    return sorted(lake.table(LAYOUT).read()["number"].to_list())


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("number", [0, 1])
def test_no_handle_from_before_a_fence_can_commit(lake: Lake, held: LakeTable, write: str, number: int) -> None:
    lake.table(LAYOUT).fence_off(number)

    with pytest.raises(ConcurrentCommitError):
        WRITES[write](held)

    assert numbers(lake) == [1, 2]
    assert (held.fence, lake.table(LAYOUT).fence) == (0, number)


@pytest.mark.parametrize("write", WRITES)
def test_a_commit_that_a_purge_refused_deletes_no_file_of_the_table(lake: Lake, held: LakeTable, write: str) -> None:
    lake.table(LAYOUT).append(things(3), {})
    lake.table(LAYOUT).purge()

    with pytest.raises(ConcurrentCommitError):
        WRITES[write](held)

    assert numbers(lake) == [1, 2, 3]


@pytest.mark.parametrize(
    "read",
    [LakeTable.read, lambda table: list(table.stream(None, 10)), lambda table: table.progress("batch")],
    ids=["read", "stream", "progress"],
)
def test_a_reader_whose_files_were_purged_is_told_to_read_again(
    lake: Lake, held: LakeTable, read: Callable[[LakeTable], object]
) -> None:
    lake.table(LAYOUT).replace(things(3), None, {})
    lake.table(LAYOUT).purge()

    with pytest.raises(FencedOffError, match="run it again"):
        read(held)


def test_a_purge_leaves_the_files_that_a_later_writer_is_about_to_commit(
    lake: Lake, held: LakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer comes as late as it can, and its file is on the disk before its commit."""
    late = Path(lake.uri(LAYOUT)) / "part-late.parquet"
    once_before(monkeypatch, held._delta.__class__, "create_checkpoint", lambda: late.write_bytes(b"PAR1"))

    lake.table(LAYOUT).purge()

    assert late.exists()
    assert numbers(lake) == [1, 2]
