"""Days that are rebuilt while the stream commits again and again."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from polars.testing import assert_frame_equal

from assets.gold import gold
from assets.gold.gold import rebuild_gold
from assets.silver import purchases, silver
from assets.silver.purchases import rebuild_purchases
from assets.silver.silver import rebuild_silver
from assets.stream.stream_assets import Stream
from assets.tables import DAILY, PRODUCT_SALES, SILVER_EVENTS, SILVER_PURCHASES
from resources.lake import Lake
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout
from tests.assets.silver.tasks_in_turn import TasksInTurn
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

DAY = date(2019, 10, 1)
COMMITS = 12
"""More than a commit is tried elsewhere."""

TABLES: Sequence[TableLayout] = (SILVER_EVENTS, SILVER_PURCHASES, *DAILY)


@pytest.fixture
def sell(mock_kafka: MockKafka, topic: str, lake: Lake, stream: Stream) -> Callable[[int], None]:
    """Sells to one user, also on the day before, and commits it."""

    def one(user: int) -> None:
        before = "2019-09-30 23:59:00 UTC"
        mock_kafka.publish(topic, [event(user_id=user), event(user_id=user), event(user_id=user, event_time=before)])
        run(lake, stream)

    one(1)
    return one


def before_exchanges(patch: pytest.MonkeyPatch, module: ModuleType, times: int, what: Callable[[int], object]) -> None:
    """Let `what` happen before each of the first exchanges that the module tries."""
    exchange, left = module.exchange, list(range(100, 100 + times))

    def late(table: LakeTable, other: LakeTable, days: Sequence[date], progress: Mapping[str, int]) -> None:
        if left:
            what(left.pop())
        exchange(table, other, days, progress)

    patch.setattr(module, "exchange", late)


REBUILDS: list[tuple[ModuleType, Callable[[Lake], object]]] = [
    (silver, lambda lake: rebuild_silver(lake, [DAY])),
    (silver, lambda lake: rebuild_silver(lake, [DAY], TasksInTurn())),
    (purchases, lambda lake: rebuild_purchases(lake, [DAY])),
    (gold, lambda lake: rebuild_gold(lake, DAILY, [DAY], 45)),
]
NAMES = ["silver", "silver in tasks", "purchases", "gold"]


@pytest.mark.parametrize(("module", "rebuild"), REBUILDS, ids=NAMES)
def test_a_day_is_rebuilt_however_often_the_stream_commits(
    module: ModuleType,
    rebuild: Callable[[Lake], object],
    lake: Lake,
    stream: Stream,
    sell: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    before_exchanges(monkeypatch, module, COMMITS, sell)

    rebuild(lake)

    monkeypatch.undo()
    assert rows(lake, SILVER_EVENTS).height == 2 * (1 + COMMITS)
    other = Lake(str(tmp_path_factory.mktemp("other")))
    run(other, stream)
    for layout in TABLES:
        names = [name for name in layout.schema if name not in ("batch", "ingested_at", "updated_at")]
        there = rows(other, layout).select(names)
        assert_frame_equal(rows(lake, layout).select(names), there, check_row_order=False)
    sell(7)
    assert rows(lake, SILVER_EVENTS).height == 2 * (2 + COMMITS)


@pytest.mark.parametrize(("module", "rebuild"), REBUILDS, ids=NAMES)
def test_a_day_that_somebody_else_rebuilds_meanwhile_begins_again(
    module: ModuleType,
    rebuild: Callable[[Lake], object],
    lake: Lake,
    sell: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sell(2)
    begun: list[TableLayout] = []
    enter = module.stand_in

    def noted(lake: Lake, layout: TableLayout) -> object:
        begun.append(layout)
        return enter(lake, layout)

    if module is gold:
        rebuild = lambda lake: rebuild_gold(lake, [PRODUCT_SALES], [DAY], 45)  # noqa: E731

    def rebuild_all(_: int) -> None:
        rebuild_silver(lake, [DAY])
        rebuild_gold(lake, DAILY, [DAY], 45)
        begun.clear()

    before = [rows(lake, layout) for layout in TABLES]
    monkeypatch.setattr(module, "stand_in", noted)
    before_exchanges(monkeypatch, module, 1, rebuild_all)

    rebuild(lake)

    assert begun, "the rebuild went on with rows that it had read before"
    for layout, held in zip(TABLES, before, strict=True):
        assert_frame_equal(rows(lake, layout), held)


def test_a_late_duplicate_of_a_row_that_only_the_rebuilt_day_has_counts_once(
    lake: Lake, sell: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    silver_now = lake.table(SILVER_EVENTS)
    silver_now.replace(silver_now.read().clear(), SILVER_EVENTS.on_days([DAY]), {})
    before_exchanges(monkeypatch, silver, 1, lambda _: sell(1))

    rebuild_silver(lake, [DAY])

    on_the_day = rows(lake, SILVER_EVENTS).filter(event_date=DAY)
    assert on_the_day["user_id"].to_list() == [1]
    assert on_the_day["batch"].to_list() == [1]
    rebuild_gold(lake, DAILY, [DAY], 45)
    for layout in DAILY:
        assert rows(lake, layout).filter(event_date=DAY)["units"].to_list() == [1]


def test_a_stand_in_leaves_no_file_behind(lake: Lake, sell: Callable[[int], None]) -> None:
    rebuild_silver(lake, [DAY])
    rebuild_gold(lake, DAILY, [DAY], 45)

    assert not list(lake.scratch.glob("stand-in*"))
    for layout in TABLES:
        table = lake.table(layout)
        table.purge()
        held = {path.name for path in Path(lake.uri(layout)).rglob("*.parquet") if "_delta_log" not in path.parts}
        assert len(held) == table.files().height
