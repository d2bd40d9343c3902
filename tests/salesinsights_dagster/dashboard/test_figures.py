"""What the Live page shows, compared with sums over the events that were sent."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from assets.progress.batch_snapshot import batch_snapshot
from assets.progress.batches import BATCH
from assets.stream.stream_assets import Stream
from assets.tables import CUSTOMER_DAYS, PRODUCT_SALES_DAILY
from resources.lake import Lake
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.figures import Figures, sales_figures
from salesinsights_dagster.dashboard.spans import SPANS
from tests.assets.archive.month_lines import PURCHASE, load, put
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

NOW = datetime(2026, 11, 24, 12, 0, 20, tzinfo=UTC)


def sold(ago: timedelta, **fields: object) -> bytes:
    return event(event_time=(NOW - ago).isoformat(), **fields)


SALES = [
    sold(timedelta(minutes=1), price="10.00", product_id=1, brand="a"),
    sold(timedelta(minutes=1), price="5.10", product_id=2, brand=None),
    sold(timedelta(minutes=50), price="2.00", product_id=1, user_id=2),
    sold(timedelta(minutes=50), price="-0.50", product_id=1, user_id=2, user_session="s"),
    sold(timedelta(minutes=70), price="7.00", product_id=3),
    sold(timedelta(days=1), price="20.00", product_id=3),
    sold(timedelta(days=8), price="40.00", product_id=4, user_id=3),
    sold(timedelta(minutes=2), price="99.00", event_type="view"),
]


@pytest.fixture
def figures(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> Callable[[str], Figures]:
    mock_kafka.publish(topic, SALES)
    run(lake, stream)
    return lambda name: sales_figures(batch_snapshot(lake), SPANS[name], NOW, 45)


EXPECTED = {
    # revenue, units, refunds, products, orders, buyers, average order; for the span and the one before
    "hour": (("16.60", 3, "0.50", 2, 2, 2, "8.30"), ("7.00", 1, "0.00", 1, 1, 1, "7.00")),
    "today": (("23.60", 4, "0.50", 3, 3, 2, "7.87"), ("20.00", 1, "0.00", 1, 1, 1, "20.00")),
    "week": (("43.60", 5, "0.50", 3, 4, 2, "10.90"), ("40.00", 1, "0.00", 1, 1, 1, "40.00")),
    "month": (("83.60", 6, "0.50", 4, 5, 3, "16.72"), None),
}


@pytest.mark.parametrize("span", SPANS)
def test_totals_are_those_of_the_events(figures: Callable[[str], Figures], span: str) -> None:
    shown = figures(span)

    assert [totals(shown.totals), totals(shown.before)] == list(EXPECTED[span])


def totals(row: dict[str, object]) -> tuple[object, ...] | None:
    names = ("revenue", "units", "refunds", "products", "orders", "buyers", "average_order_value")
    return tuple(str(row[name]) if isinstance(row[name], Decimal) else row[name] for name in names) if row else None


@pytest.mark.parametrize("span", SPANS)
def test_the_charts_add_up_to_the_totals(figures: Callable[[str], Figures], span: str) -> None:
    shown = figures(span)

    for frame in (shown.top, shown.over_time):
        assert (frame["revenue"].sum(), frame["units"].sum()) == (shown.totals["revenue"], shown.totals["units"])
    assert shown.top["revenue"].is_sorted(descending=True)
    assert shown.over_time["bucket_start"].min() >= shown.start  # type: ignore[operator]


def test_the_last_hour_is_of_whole_windows(figures: Callable[[str], Figures]) -> None:
    before, start, end = SPANS["hour"].bounds(NOW, 45)
    assert (start.time(), end) == (time(11, 0, 45), NOW)
    assert start - before == timedelta(hours=1)
    starts = figures("hour").over_time["bucket_start"]

    assert starts.to_list() == [
        datetime(2026, 11, 24, 11, 9, 45, tzinfo=UTC),
        datetime(2026, 11, 24, 11, 59, 15, tzinfo=UTC),
    ]


def test_a_board_notices_a_new_batch_and_how_long_its_payments_took(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    moments = iter([NOW, NOW, *[datetime.now(UTC) + timedelta(seconds=20)] * 9])
    board = Board(lake, lambda: next(moments), 45)
    assert board.figures("hour") is None
    board.look()
    assert (board.is_ready, board.last_payment, board.latency.figures()) == (True, None, {"purchases": 0})

    mock_kafka.publish(topic, [event(event_time=datetime.now(UTC).isoformat()), event(event_type="view")])
    run(lake, stream)
    board.look()

    assert board.last_payment is not None
    waited = board.latency.figures()
    assert waited["purchases"] == 1
    assert 15 < waited["max"] < 60
    hour = board.figures("hour")
    assert hour is not None
    assert hour.totals["units"] == 1
    assert board.figures("hour") is hour


def test_a_board_sees_a_batch_of_the_same_moment(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    board = Board(lake, lambda: NOW, 45)
    board.look()
    mock_kafka.publish(topic, [event()])
    run(lake, stream)

    board.look()

    assert (board.batch, board.last_payment is None) == (1, False)


def test_the_last_payment_goes_by_kafka_and_history_is_none(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, tmp_path: Path
) -> None:
    board = Board(lake, lambda: datetime.now(UTC) + timedelta(minutes=1), 45)
    put(tmp_path, [PURCHASE])
    load(lake, tmp_path)
    board.look()
    assert (board.is_ready, board.last_payment) == (True, None)

    mock_kafka.publish(topic, [event(event_time=datetime.now(UTC).isoformat())])
    run(lake, stream)
    board.look()
    first = board.last_payment
    assert first is not None
    mock_kafka.publish(topic, [event(event_time="2019-10-02 00:00:00 UTC")])
    run(lake, stream)
    board.look()

    assert board.last_payment is not None
    assert board.last_payment > first


def test_the_last_hour_does_not_wait_for_the_tables_by_day(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [event(event_time=NOW.isoformat())])
    run(lake, stream)
    held = [(layout, lake.table(layout).read()) for layout in (PRODUCT_SALES_DAILY, CUSTOMER_DAYS)]
    mock_kafka.publish(topic, [event(event_time=NOW.isoformat(), user_id=2)])
    run(lake, stream)
    for layout, rows in held:
        lake.table(layout).replace(rows, None, {BATCH: 1})
    board = Board(lake, lambda: NOW, 45)

    board.look()

    shown = {name: board.figures(name) for name in ("hour", "today")}
    assert {name: figures and figures.totals["units"] for name, figures in shown.items()} == {"hour": 2, "today": 1}


def test_a_lake_that_cannot_be_read_is_said_and_tried_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(Lake("/proc/no-lake"), lambda: NOW, 45)
    board.look()
    assert "SALESINSIGHTS_LAKE" in str(board.error)
    assert not board.is_ready

    board.lake = lake
    board.look()

    assert board.error is None
    assert board.is_ready
