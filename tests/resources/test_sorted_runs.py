from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.sorted_runs import KEY, SortedRuns

FRAMES = st.lists(st.lists(st.integers(-5, 40), max_size=12), max_size=8)


def frame(keys: list[int]) -> pl.DataFrame:
    return pl.DataFrame({KEY: keys, "text": [f"row {key}" for key in keys]}, {KEY: pl.Int64, "text": pl.String})


def filled(folder: Path, frames: list[list[int]], rows_at_once: int) -> SortedRuns:
    runs = SortedRuns(folder, "runs", rows_at_once)
    for keys in frames:
        runs.add(frame(keys))
    return runs


@settings(deadline=None, max_examples=30)
@given(frames=FRAMES, rows_at_once=st.integers(1, 20))
def test_all_rows_come_back_each_key_in_one_piece_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, frames: list[list[int]], rows_at_once: int
) -> None:
    runs = filled(tmp_path_factory.mktemp("runs"), frames, rows_at_once)

    pieces = [piece[KEY].to_list() for piece in runs.pieces()]

    assert sorted(key for piece in pieces for key in piece) == sorted(key for keys in frames for key in keys)
    ends = [(min(piece), max(piece)) for piece in pieces]
    assert all(last < first for (_, last), (first, _) in pairwise(ends))
    assert [piece["text"].to_list() for piece in runs.pieces()] == [[f"row {k}" for k in piece] for piece in pieces]


@settings(deadline=None, max_examples=30)
@given(frames=FRAMES, first=st.integers(-6, 41), rows=st.integers(0, 20))
def test_rows_of_some_keys_are_those_of_all_that_lie_between(
    tmp_path_factory: pytest.TempPathFactory, frames: list[list[int]], first: int, rows: int
) -> None:
    runs = filled(tmp_path_factory.mktemp("runs"), frames, 5)

    found = [key for piece in runs.pieces(first, first + rows) for key in piece[KEY]]

    assert sorted(found) == sorted(key for keys in frames for key in keys if first <= key <= first + rows)


def test_a_piece_has_about_the_rows_that_were_asked_for(tmp_path: Path) -> None:
    runs = filled(tmp_path, [list(range(start, 1_000, 7)) for start in range(7)], 100)

    assert {piece.height for piece in runs.pieces()} == {100}


def test_few_rows_touch_no_file(tmp_path: Path) -> None:
    runs = filled(tmp_path, [[3], [1, 2]], 4)

    assert [piece[KEY].to_list() for piece in runs.pieces()] == [[1, 2, 3]]
    assert list(tmp_path.iterdir()) == []
