from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from resources import record_runs
from resources.record_runs import Keys, RecordRuns, Records

KIND = np.dtype([("number", "i8")])


def piece(keys: list[int]) -> tuple[Keys, Records]:
    """A record under each key: ten times as much."""
    records = np.empty(len(keys), KIND)
    records["number"] = np.array(keys) * 10
    return np.array(keys, dtype=np.int64), records


@pytest.fixture
def runs(tmp_path: Path) -> RecordRuns:
    return RecordRuns(tmp_path / "runs", KIND)


def found(runs: RecordRuns, *keys: int) -> list[int]:
    return sorted(runs.find(np.array(keys, dtype=np.int64))["number"].tolist())


def test_records_are_found_in_all_runs_however_often_a_key_occurs(runs: RecordRuns) -> None:
    runs.add(3, [piece([5, 1, 5]), piece([]), piece([7])])
    runs.add(9, [piece([5, 2])])

    assert found(runs, 1, 5, 6) == [10, 50, 50, 50]
    assert (runs.covered, runs.records) == (9, 6)


def test_nothing_is_found_where_nothing_is(runs: RecordRuns) -> None:
    assert (found(runs, 1), runs.covered, runs.records) == ([], None, 0)
    runs.add(4, [])
    assert (found(runs, 1), runs.covered, runs.records) == ([], 4, 0)


def test_many_small_parts_become_one_and_stay_findable(runs: RecordRuns) -> None:
    for number in range(record_runs.MANY + 2):
        runs.add(number, [piece([number, 100])])

    assert len(list(runs.folder.iterdir())) == 3
    assert found(runs, 0, 5, 13) == [0, 50, 130]
    assert len(found(runs, 100)) == record_runs.MANY + 2


def test_a_part_that_was_cut_short_or_made_twice_is_none(runs: RecordRuns, tmp_path: Path) -> None:
    runs.add(1, [piece([1])])
    (runs.folder / ".left over").mkdir()
    other = RecordRuns(runs.folder, KIND)
    with pytest.raises(RuntimeError):
        other.add(2, _failing())
    other._put("0-1", [piece([1])])

    assert found(runs, 1, 2) == [10]
    assert runs.covered == 1


def _failing() -> Iterator[tuple[Keys, Records]]:
    yield piece([2])
    raise RuntimeError
