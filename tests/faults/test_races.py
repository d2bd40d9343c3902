"""Runs that do the same work at the same time, and the stream beside backfill, compaction and audit."""

import threading
from collections.abc import Callable, Iterator
from datetime import date

import dagster as dg
import pytest

from assets.gold import gold
from assets.gold.gold import rebuild_gold
from assets.silver import silver
from assets.silver.silver import rebuild_silver
from assets.stream import compaction, micro_batch
from assets.stream.stream_assets import Stream
from assets.tables import DAILY, SILVER_EVENTS
from assets.upkeep.audit import audit
from resources.lake import Lake
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout
from tests.assets.stream.dagster_runs import execute, partitions
from tests.faults.feed import DAYS, Feed
from tests.faults.interleaving import crash_before, kinds, meet_before, once_after, together
from tests.faults.oracle import assert_lake_holds
from tests.lakes import ALL, run

Neighbour = Callable[[Lake], object]


def versions(lake: Lake) -> dict[str, int]:
    return {layout.name: lake.table(layout).version for layout in ALL}


@pytest.fixture
def instances() -> Iterator[list[dg.DagsterInstance]]:
    with dg.DagsterInstance.ephemeral() as first, dg.DagsterInstance.ephemeral() as second:
        yield [first, second]


def test_of_two_runs_with_the_same_offsets_one_commits(
    lake: Lake, stream: Stream, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.publish()
    meet_before(monkeypatch, micro_batch, "commit_batch")

    outcomes = together(lambda: run(lake, stream), lambda: run(lake, stream))

    assert kinds(outcomes) == ["ProgressMovedError", "list"]
    assert_lake_holds(lake, feed.log)


def test_the_run_that_lost_materializes_nothing(
    lake: Lake, stream: Stream, feed: Feed, instances: list[dg.DagsterInstance], monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.publish()
    meet_before(monkeypatch, micro_batch, "commit_batch")
    first, second = instances

    done = together(lambda: execute(lake, stream, first), lambda: execute(lake, stream, second))

    assert [result.success for result in done] == [True, True]
    assert sorted(len(partitions(result)) for result in done) == [0, len(ALL)]
    assert_lake_holds(lake, feed.log)


def test_of_two_runs_that_finish_the_same_batch_one_brings_it_to_silver(
    lake: Lake, stream: Stream, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.publish()
    crash_before(monkeypatch, micro_batch.Layers, "refine", lambda: run(lake, stream))
    meet_before(monkeypatch, silver, "_append_once")

    outcomes = together(lambda: run(lake, stream), lambda: run(lake, stream))

    assert kinds(outcomes) == ["ProgressMovedError", "list"]
    assert_lake_holds(lake, feed.log)


def test_of_two_runs_that_finish_gold_one_commits(
    lake: Lake, stream: Stream, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.publish()
    crash_before(monkeypatch, gold, "rows_of", lambda: run(lake, stream))
    before = versions(lake)
    meet_before(monkeypatch, gold, "rows_of")

    assert together(lambda: run(lake, stream), lambda: run(lake, stream)) == [[], []]

    moved = {layout.name: 1 for layout in DAILY}
    assert versions(lake) == {name: version + moved.get(name, 0) for name, version in before.items()}
    assert_lake_holds(lake, feed.log)


def test_a_batch_that_another_run_left_unfinished_is_not_skipped(
    lake: Lake, stream: Stream, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_run_ends_after_bronze() -> None:
        feed.publish()
        crash_before(monkeypatch, micro_batch.Layers, "refine", lambda: run(lake, stream))
        feed.publish()

    once_after(monkeypatch, micro_batch.Layers, "finish_last", other_run_ends_after_bronze)

    together(lambda: run(lake, stream))
    run(lake, stream)

    assert_lake_holds(lake, feed.log)


def test_a_run_whose_batch_another_one_finished_does_nothing_more(
    lake: Lake, stream: Stream, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.publish()
    once_after(monkeypatch, micro_batch, "commit_batch", lambda: run(lake, stream))

    outcomes = together(lambda: run(lake, stream))

    assert_lake_holds(lake, feed.log)
    assert kinds(outcomes) == ["ProgressMovedError"]


def test_a_run_that_others_left_behind_does_nothing_more(
    lake: Lake, stream: Stream, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_table, looked = Lake.table, list[TableLayout]()

    def slow_after_silver(opened: Lake, layout: TableLayout) -> LakeTable:
        table = open_table(opened, layout)
        if layout is SILVER_EVENTS and not looked:
            looked.append(layout)
            for _ in range(2):
                feed.publish()
                run(lake, stream)
        return table

    monkeypatch.setattr(Lake, "table", slow_after_silver)

    outcomes = together(lambda: run(lake, stream))

    assert_lake_holds(lake, feed.log)
    assert kinds(outcomes) == ["ProgressMovedError"]


def backfill(lake: Lake) -> None:
    for day in map(date.fromisoformat, DAYS):
        rebuild_silver(lake, [day])
        rebuild_gold(lake, DAILY, [day], 45)


def compact(lake: Lake) -> None:
    compaction.compact(lake)


def pass_audit(lake: Lake) -> None:
    assert audit(lake).findings == []


@pytest.mark.parametrize("neighbour", [backfill, compact, pass_audit])
def test_the_stream_and_its_neighbour_do_not_harm_each_other(
    lake: Lake, stream: Stream, feed: Feed, neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The neighbour begins whenever a batch begins."""
    monkeypatch.setattr(compaction, "MOST_SMALL_FILES", 2)
    begun, batches = threading.Semaphore(0), 5

    def live() -> None:
        for _ in range(batches):
            begun.release()
            feed.publish()
            run(lake, stream)

    def beside() -> None:
        for _ in range(batches):
            assert begun.acquire(timeout=120)
            neighbour(lake)

    assert together(live, beside) == [None, None]
    assert_lake_holds(lake, feed.log)
