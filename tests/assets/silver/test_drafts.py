"""Days that are judged in tasks: the rows are those of a rebuild here, whatever befalls a task."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.gold.gold import rebuild_gold
from assets.silver import drafts, silver
from assets.silver.silver import rebuild_silver
from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_EVENTS, DAILY, SILVER_EVENTS, SILVER_QUARANTINE
from resources.engine import EngineError, SparkEngine
from resources.lake import Lake
from resources.lake_errors import ConcurrentCommitError, LakeError
from tests.assets.silver.tasks_in_turn import TasksInTurn, Work
from tests.assets.silver.test_rebuild import FIRST, SECOND, shuffled_events
from tests.faults.interleaving import once_before
from tests.lakes import rows, run, snapshot
from tests.resources.mock_kafka import MockKafka
from tests.resources.spark import CLUSTER, ROOT, spark_environment

DAYS = [FIRST, SECOND]


@pytest.fixture
def filled(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> Lake:
    """A lake with two days, and what the contract refuses."""
    for seed in range(2):
        mock_kafka.publish(topic, shuffled_events(seed), partition=seed)
        run(lake, stream)
    return lake


def assert_only_named_files(lake: Lake) -> None:
    table = lake.table(SILVER_EVENTS)
    table.purge()
    held = {path.name for path in table.folder.rglob("*.parquet") if "_delta_log" not in path.parts}
    assert len(held) == table.files().height
    assert not [path.name for path in lake.scratch.iterdir() if path.name.startswith("stand-in")]


def test_days_that_are_judged_in_tasks_have_the_rows_of_the_stream(filled: Lake) -> None:
    engine, streamed, here = TasksInTurn(), snapshot(filled), rebuild_silver(filled, DAYS)

    counts = rebuild_silver(filled, DAYS, engine)

    assert engine.done == DAYS
    assert_frame_equal(counts, here, check_row_order=False)
    assert set(here["outcome"]) == {"accepted", "quarantined", "duplicates"}
    rebuild_gold(filled, DAILY, DAYS, 45)
    for name, found in snapshot(filled).items():
        assert_frame_equal(found, streamed[name])
    assert_only_named_files(filled)


def test_a_day_judged_in_a_task_is_written_as_it_is_here(filled: Lake) -> None:
    """Other tables tell changed days by the statistics of files, and by progress."""
    rebuild_silver(filled, DAYS)
    here, names = filled.table(SILVER_EVENTS), ("batch", "rebuilt", "unfinished/201910", "untold/201910")
    before = [here.progress(name) for name in names]

    rebuild_silver(filled, DAYS, TasksInTurn())

    there = filled.table(SILVER_EVENTS)
    said = [name for name in here.files().columns if name.startswith(("num_", "min.", "max.", "null_", "partition."))]
    assert_frame_equal(there.files().select(said), here.files().select(said), check_row_order=False)
    assert [there.progress(name) for name in names] == [before[0], (before[1] or 0) + 1, *before[2:]]


def test_what_quarantine_lacks_comes_from_the_tasks(filled: Lake) -> None:
    """What can't be read at all lies in bronze under the day of its arrival."""
    held = snapshot(filled)["silver/quarantine"]
    assert held.height > 2
    table = filled.table(SILVER_QUARANTINE)
    table.replace(table.read().clear(), None, {})

    rebuild_silver(filled, filled.table(BRONZE_EVENTS).days, TasksInTurn())

    assert_frame_equal(snapshot(filled)["silver/quarantine"], held)


def twice(work: Work, item: Any) -> None:
    """An attempt that Spark had given up ends all the same."""
    work([item])


def half(work: Work, item: Any) -> None:
    """An attempt that breaks off while it writes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lake, "table", _full_disk(Lake.table))
        with pytest.raises(OSError, match="full"):
            work([item])


def _full_disk(table: Callable[..., Any]) -> Callable[..., Any]:
    def opened(lake: Lake, layout: Any, *more: Any) -> Any:
        if layout is SILVER_EVENTS:
            table(lake, layout).append(pl.DataFrame(schema=SILVER_EVENTS.schema), {})
            (Path(lake.uri(layout)) / "part-orphan.parquet").write_bytes(b"PAR1")
            raise OSError("the worker's disk is full")
        return table(lake, layout, *more)

    return opened


@pytest.mark.parametrize("befall", [twice, half])
def test_what_another_attempt_wrote_is_not_adopted(filled: Lake, befall: Callable[[Work, Any], object]) -> None:
    streamed = rows(filled, SILVER_EVENTS)

    rebuild_silver(filled, DAYS, TasksInTurn(befall))

    assert_frame_equal(rows(filled, SILVER_EVENTS), streamed)
    assert_only_named_files(filled)


def test_a_conflict_in_a_task_begins_the_rebuild_again(filled: Lake) -> None:
    streamed, left = rows(filled, SILVER_EVENTS), [1]

    def purged(work: Work, item: Any) -> None:
        if left:
            left.pop()
            raise ConcurrentCommitError("bronze was purged meanwhile")

    engine = TasksInTurn(purged)
    rebuild_silver(filled, DAYS, engine)

    assert engine.done == DAYS
    assert_frame_equal(rows(filled, SILVER_EVENTS), streamed)


class Losing(TasksInTurn):
    """The draft of a worker whose folder is not the lake's: not all of it is seen here."""

    def __init__(self, lose: Callable[[Path], object]) -> None:
        super().__init__()
        self.lose = lose

    def run(self, work: Work, items: Sequence[Any]) -> list[pl.DataFrame]:
        answers = super().run(work, items)
        folder = Path(work.args[1])  # type: ignore[attr-defined]
        self.lose(folder / str(answers[0]["draft"][0]) / SILVER_EVENTS.name)
        return answers


LOSSES: dict[str, Callable[[Path], object]] = {
    "all": lambda table: shutil.rmtree(table.parent.parent),
    "the log": lambda table: shutil.rmtree(table / "_delta_log"),
    "the last commit": lambda table: max((table / "_delta_log").glob("*.json")).unlink(),
    "a file": lambda table: next(table.rglob("part-*.parquet")).unlink(),
    "the end of a file": lambda table: cut(next(table.rglob("part-*.parquet"))),
}


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-4])


@pytest.mark.parametrize("loss", LOSSES)
def test_a_draft_that_is_not_whole_here_is_refused(filled: Lake, loss: str) -> None:
    streamed = snapshot(filled)

    with pytest.raises(LakeError, match=r"under the same path|Run it again"):
        rebuild_silver(filled, DAYS, Losing(LOSSES[loss]))

    for name, found in snapshot(filled).items():
        assert_frame_equal(found, streamed[name])
    assert_only_named_files(filled)


def test_a_worker_that_does_not_see_the_folder_says_so(filled: Lake, tmp_path: Path) -> None:
    last = filled.table(SILVER_EVENTS).progress("batch") or 0

    with pytest.raises(LakeError, match="must reach the lake's folder under the same path"):
        drafts.judge_apart(filled.root, str(tmp_path / "elsewhere"), last, {}, [FIRST])

    assert not (tmp_path / "elsewhere").exists()


def test_a_day_without_rows_is_emptied(filled: Lake) -> None:
    bronze = filled.table(BRONZE_EVENTS)
    bronze.replace(bronze.read().clear(), BRONZE_EVENTS.on_days([FIRST]), {})

    rebuild_silver(filled, DAYS, TasksInTurn())

    assert filled.table(SILVER_EVENTS).days == [SECOND]


def test_an_engine_does_not_take_a_lake_in_an_object_store() -> None:
    with pytest.raises(EngineError, match="unset SALESINSIGHTS_ENGINE"):
        rebuild_silver(Lake("s3://shop/lake"), [date(2019, 10, 1)], TasksInTurn())


def test_a_task_says_what_it_counted(filled: Lake, tmp_path: Path) -> None:
    report = drafts.judge_apart(filled.root, str(tmp_path), 2, {}, [FIRST])

    (draft,) = {str(name) for name in report["draft"]}
    counts = dict(report.group_by("outcome").agg(pl.col("rows").sum()).iter_rows())
    assert counts["accepted"] == Lake(str(tmp_path / draft)).table(SILVER_EVENTS).rows
    assert set(report["fence"]) == {0}


KILLED = """
import os, signal, sys
from datetime import date
from assets.silver import silver
from resources.lake import Lake
from tests.assets.silver.tasks_in_turn import TasksInTurn
setattr(silver, sys.argv[2], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
silver.rebuild_silver(Lake(sys.argv[1]), [date(2019, 10, 1), date(2019, 10, 2)], TasksInTurn())
"""


@pytest.mark.parametrize("before", ["join", "exchange", "rebuild_purchases"])
def test_a_driver_that_is_killed_between_the_files_and_the_commit_leaves_nothing(filled: Lake, before: str) -> None:
    streamed = snapshot(filled)

    ended = subprocess.run([sys.executable, "-c", KILLED, filled.root, before], env={"PYTHONPATH": str(ROOT)})

    assert ended.returncode == -signal.SIGKILL
    assert_frame_equal(rows(filled, SILVER_EVENTS), streamed["silver/events"])
    rebuild_silver(filled, DAYS, TasksInTurn())
    for name, found in snapshot(filled).items():
        assert_frame_equal(found, streamed[name])
    assert_only_named_files(filled)


@pytest.mark.skipif(not CLUSTER, reason="Apache Spark is missing: run `make spark` to install it")
def test_days_judged_on_a_cluster_have_the_rows_of_the_stream_though_a_batch_comes_meanwhile(
    filled: Lake,
    stream: Stream,
    mock_kafka: MockKafka,
    topic: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in spark_environment(tmp_path).items():
        monkeypatch.setenv(name, value)

    def one_more() -> None:
        mock_kafka.publish(topic, [*shuffled_events(7), *shuffled_events(0)])
        run(filled, stream)

    once_before(monkeypatch, silver, "join", one_more)

    rebuild_silver(filled, DAYS, SparkEngine(CLUSTER))

    other = Lake(str(tmp_path_factory.mktemp("other")))
    run(other, stream)
    names = [name for name in SILVER_EVENTS.schema if name not in ("batch", "ingested_at")]
    assert_frame_equal(
        rows(filled, SILVER_EVENTS).select(names), rows(other, SILVER_EVENTS).select(names), check_row_order=False
    )
    assert_only_named_files(filled)
