"""A month that is loaded in tasks: the rows, the counts and the ledger are those of a load here."""

import gzip
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.archive import month_files, month_loader
from assets.archive.archive_asset import Archive
from assets.archive.month_files import ArchiveFileError, FilePart, MonthFile, find_month
from assets.archive.month_loader import MonthLoad, load_month
from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_EVENTS, SILVER_EVENTS, SILVER_QUARANTINE
from assets.upkeep.audit import audit
from assets.upkeep.forget_user import forget
from resources.engine import Engine
from resources.lake import Lake
from resources.lake_errors import LakeError
from tests.assets.archive.month_lines import NOW, OCTOBER, PURCHASE, put
from tests.assets.silver.tasks_in_turn import TasksInTurn, Work
from tests.conftest import event
from tests.faults.interleaving import once_before
from tests.lakes import rows, run, snapshot
from tests.resources.mock_kafka import MockKafka

LINES = [
    *(
        PURCHASE.replace("2019-10-01", f"2019-10-{1 + number % 5:02}").replace("463240011", str(number))
        for number in range(60)
    ),
    "",
    *(PURCHASE, PURCHASE, PURCHASE.replace("2.62", "2.625"), "what?", PURCHASE.replace("2019-10", "2029-10")),
    *(PURCHASE.replace("463240011", str(number)) + "\r" for number in range(20)),
]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"BLOCK_BYTES": 700, "PART_BYTES": 1_500, "PART_ROWS": 7, "ROWS_AT_ONCE": 3}.items():
        monkeypatch.setattr(month_files, name, size)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "archive").mkdir()
    put(tmp_path / "archive", LINES)
    return tmp_path / "archive"


@pytest.fixture
def here(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("here")))
    load(lake, folder)
    return lake


def load(lake: Lake, folder: Path, engine: Engine | None = None) -> MonthLoad:
    return load_month(lake, find_month(folder, OCTOBER), NOW, 45, engine=engine)


def assert_same(lake: Lake, other: Lake) -> None:
    held = snapshot(other)
    for name, found in snapshot(lake).items():
        assert_frame_equal(found, held[name])


def packed(folder: Path) -> None:
    (folder / "2019-Oct.csv.gz").write_bytes(gzip.compress((folder / "2019-Oct.csv").read_bytes()))
    (folder / "2019-Oct.csv").unlink()


def as_parquet(folder: Path) -> None:
    pl.read_csv(folder / "2019-Oct.csv", infer_schema=False, truncate_ragged_lines=True).write_parquet(
        folder / "2019-Oct.parquet"
    )
    (folder / "2019-Oct.csv").unlink()


def cut_short(folder: Path) -> None:
    """No line break at the end."""
    (folder / "2019-Oct.csv").write_bytes((folder / "2019-Oct.csv").read_bytes()[:-1])


@pytest.mark.parametrize("form", [lambda folder: None, packed, as_parquet, cut_short])
def test_the_parts_of_a_file_are_the_file(folder: Path, form: Callable[[Path], None]) -> None:
    form(folder)
    file = find_month(folder, OCTOBER)

    parts = file.parts()

    assert len(parts) > 3 or form is packed
    assert_frame_equal(pl.concat(frame for part in parts for frame in file.lines(part)), pl.concat(file.lines()))


def test_a_month_loaded_in_tasks_is_the_month_loaded_here(lake: Lake, folder: Path, here: Lake) -> None:
    engine = TasksInTurn()

    done = load(lake, folder, engine)

    parts, days = [item for item in engine.done if not isinstance(item, date)], done.days
    assert len(parts) > 3
    assert [item for item in engine.done if isinstance(item, date)] == days
    assert done == MonthLoad(done.file, load(here, folder).counts, days, is_new=True)
    assert done.counts["duplicates"] == 5
    assert_same(lake, here)
    assert audit(lake).findings == []
    assert not [path.name for path in lake.scratch.iterdir() if path.name.startswith("stand-in")]
    assert not load(lake, folder, engine).is_new


def test_a_corrected_file_replaces_exactly_its_lines(lake: Lake, folder: Path, here: Lake) -> None:
    put(folder, [*LINES[30:], "2019-10-09 10:00:00 UTC,view,1,2,,,3.00,4,x"])
    load(here, folder)
    put(folder, LINES)
    load(lake, folder, TasksInTurn())
    put(folder, [*LINES[30:], "2019-10-09 10:00:00 UTC,view,1,2,,,3.00,4,x"])

    load(lake, folder, TasksInTurn())

    assert_same(lake, here)


def test_lines_go_beside_what_the_stream_commits_meanwhile(
    lake: Lake,
    folder: Path,
    stream: Stream,
    mock_kafka: MockKafka,
    topic: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A commit between the draft and its adoption is neither lost nor does it begin the work again."""

    def one_more() -> None:
        mock_kafka.publish(topic, [event(user_id=77), event(user_id=78)])
        run(lake, stream)

    once_before(monkeypatch, month_loader, "exchange", one_more)
    engine = TasksInTurn()

    load(lake, folder, engine)

    parts = [item for item in engine.done if isinstance(item, FilePart)]
    assert len(parts) == len(set(parts))
    assert {77, 78} <= set(rows(lake, SILVER_EVENTS)["user_id"])
    assert rows(lake, BRONZE_EVENTS).height == 2 + len(LINES) - 1
    assert audit(lake).findings == []


def test_who_is_forgotten_after_a_task_has_read_the_file_is_left_out(
    lake: Lake, folder: Path, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    once_before(monkeypatch, month_loader, "exchange", lambda: forget(lake, 463240011, NOW, 45))

    load(lake, folder, TasksInTurn())

    assert 463240011 not in set(rows(lake, SILVER_EVENTS)["user_id"])
    assert not rows(lake, BRONZE_EVENTS).filter(pl.col("value").bin.contains(b"463240011")).height
    assert audit(lake).findings == []


def twice(work: Work, item: Any) -> None:
    """An attempt that Spark had given up ends all the same."""
    work([item])


def test_what_another_attempt_wrote_is_not_adopted(lake: Lake, folder: Path, here: Lake) -> None:
    load(lake, folder, TasksInTurn(twice))

    assert_same(lake, here)


def test_a_worker_without_the_file_or_the_folder_says_so(lake: Lake, folder: Path, tmp_path: Path) -> None:
    file, part = find_month(folder, OCTOBER), FilePart(0, 10**6, 2)
    with pytest.raises(ArchiveFileError, match="ends before byte 1000000 here"):
        month_loader.cut_apart(str(tmp_path), file, NOW, {}, [part])
    with pytest.raises(ArchiveFileError, match="can't be read"):
        month_loader.cut_apart(str(tmp_path), MonthFile(tmp_path / "no.csv", OCTOBER), NOW, {}, [part])
    with pytest.raises(LakeError, match="under the same path"):
        month_loader.cut_apart(str(tmp_path / "no"), file, NOW, {}, [part])
    assert rows(lake, SILVER_QUARANTINE).is_empty()


def test_only_a_large_month_is_loaded_in_tasks(folder: Path) -> None:
    assert find_month(folder, OCTOBER).about_lines < 100
    assert Archive(folder, lambda: NOW, 45).engine is None
