"""Days of visitors that are computed in tasks: the rows and the progress are those of a refresh here."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from assets.progress.batches import BATCH, batch_of
from assets.progress.source_fingerprints import rebuilt_again
from assets.tables import FUNNEL_DAILY, SESSIONS, SILVER_EVENTS, USER_DAYS, VISITOR_TABLES
from assets.visitors import days_apart
from assets.visitors.daily_tables import refresh_days, stale_days
from resources import engine
from resources.drafts import check_reachable
from resources.engine import EngineError
from resources.lake import Lake
from resources.lake_errors import LakeError
from resources.table_layout import TableLayout
from tests.assets.silver.tasks_in_turn import TasksInTurn, Work
from tests.assets.visitors.test_grown_days import FIRST, assert_as_at_once, bring, events
from tests.faults.interleaving import once_before
from tests.lakes import rows

DAYS = [FIRST.date() + timedelta(days=number) for number in range(40)]


@pytest.fixture(autouse=True)
def always_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WORTH_ROWS", 1)


@pytest.fixture
def filled(lake: Lake) -> Lake:
    bring(lake, events(1, 600, days=20))
    return lake


def spread(lake: Lake, tasks: TasksInTurn, layout: TableLayout) -> None:
    list(refresh_days(lake, layout, engine=tasks))


def progress(lake: Lake, layout: TableLayout) -> dict[str, int | None]:
    table, days = lake.table(layout), range(40)
    slots = [f"{name}/{day:02}" for name in ("base", "seen", "unsettled") for day in days]
    return {name: table.progress(name) for name in (*slots, "older", "month/201912", "month/202001", "rebuilt")}


@pytest.mark.parametrize("layout", VISITOR_TABLES, ids=lambda layout: layout.name)
def test_days_that_are_computed_in_tasks_are_those_of_a_refresh_here(
    filled: Lake, tmp_path_factory: pytest.TempPathFactory, layout: TableLayout
) -> None:
    here = Lake(str(tmp_path_factory.mktemp("here")))
    bring(here, events(1, 600, days=20))
    list(refresh_days(here, layout))
    tasks = TasksInTurn()

    spread(filled, tasks, layout)

    assert len(tasks.done) > 2
    assert max(map(len, tasks.done)) <= days_apart.TASK_DAYS
    assert_frame_equal(rows(filled, layout), rows(here, layout))
    assert progress(filled, layout) == {**progress(here, layout), "rebuilt": 1}
    assert stale_days(filled, layout) == []


def test_days_that_grow_afterwards_are_taken_in_here(filled: Lake) -> None:
    for layout in VISITOR_TABLES:
        spread(filled, TasksInTurn(), layout)
    bring(filled, events(2, 20, days=20))
    tasks = TasksInTurn()

    for layout in VISITOR_TABLES:
        spread(filled, tasks, layout)

    assert_as_at_once(filled)


def test_what_silver_gets_after_a_task_began_is_not_counted_twice(filled: Lake) -> None:
    """A task that read silver's newest version would show events that the next refresh takes in again."""
    left = [2]

    def grown(work: Work, item: Any) -> None:
        if left:
            bring(filled, events(left.pop(), 50, days=20))

    spread(filled, TasksInTurn(grown), FUNNEL_DAILY)
    assert left == []
    for layout in VISITOR_TABLES:
        spread(filled, TasksInTurn(), layout)

    assert_as_at_once(filled)


def rebuild(lake: Lake, day: date) -> None:
    """As a rebuild that changed no row."""
    silver, where = lake.table(SILVER_EVENTS), SILVER_EVENTS.on_days([day])
    silver.replace(silver.read(where), where, {BATCH: batch_of(silver), **rebuilt_again(silver, [day])})


def other_run(lake: Lake, day: date) -> None:
    """Takes in what has come on a day whose sessions the tasks have computed, though another day is due."""
    bring(lake, lake.table(SILVER_EVENTS).read(SILVER_EVENTS.on_days([day])).head(1))
    list(refresh_days(lake, SESSIONS))


def compaction(lake: Lake, day: date) -> None:
    lake.table(SESSIONS).compact([day])


@pytest.mark.parametrize("come_between", [other_run, compaction])
def test_who_comes_in_between_loses_nothing(
    filled: Lake, monkeypatch: pytest.MonkeyPatch, come_between: Callable[[Lake, date], None]
) -> None:
    for layout in VISITOR_TABLES:
        list(refresh_days(filled, layout))
    held = filled.table(SILVER_EVENTS).days
    pair = next([day, day + timedelta(days=1)] for day in held if day + timedelta(days=1) in held)
    rebuild(filled, pair[0])
    once_before(monkeypatch, days_apart, "exchange", lambda: come_between(filled, pair[1]))
    tasks = TasksInTurn()

    for layout in (SESSIONS, *VISITOR_TABLES):
        spread(filled, tasks, layout)

    assert set(pair) <= set(tasks.done[0])
    assert_as_at_once(filled)


def test_a_version_of_silver_that_is_gone_begins_again(filled: Lake) -> None:
    left = [1]

    def purged(work: Work, item: Any) -> None:
        if left:
            left.pop()
            filled.table(SILVER_EVENTS).purge()

    for layout in VISITOR_TABLES:
        spread(filled, TasksInTurn(purged), layout)

    assert_as_at_once(filled)


def test_a_few_rows_are_computed_here(filled: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WORTH_ROWS", 601)
    tasks = TasksInTurn()

    spread(filled, tasks, USER_DAYS)

    assert tasks.done == []
    assert stale_days(filled, USER_DAYS) == []


def test_a_task_that_does_not_see_the_lake_says_so(lake: Lake, tmp_path: Any) -> None:
    with pytest.raises(LakeError, match="must reach the lake's folder under the same path"):
        days_apart.compute_apart(str(tmp_path / "elsewhere"), str(tmp_path), USER_DAYS.name, 0, [DAYS])
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(EngineError, match="unset SALESINSIGHTS_ENGINE"):
        check_reachable(Lake("s3://shop/lake"))
