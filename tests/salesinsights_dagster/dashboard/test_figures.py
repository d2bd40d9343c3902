"""What the Live page shows, compared with sums over the events that were sent."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from confluent_kafka import Producer

from assets.progress.batch_snapshot import batch_snapshot
from assets.progress.batches import BATCH
from assets.stream.stream_assets import Stream
from assets.tables import CUSTOMER_DAYS, PRODUCT_SALES_DAILY
from resources.lake import Lake
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.figures import Figures, Kept, sales_figures
from salesinsights_dagster.dashboard.spans import SPANS
from salesinsights_dagster.dashboard.view import View
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
    sold(timedelta(days=1, hours=1), price="4.00", product_id=3),
    sold(timedelta(days=1), price="20.00", product_id=3),
    sold(timedelta(days=8), price="40.00", product_id=4, user_id=3),
    sold(timedelta(minutes=2), price="99.00", event_type="view"),
]


@pytest.fixture
def figures(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> Callable[[str], Figures]:
    mock_kafka.publish(topic, SALES)
    run(lake, stream)
    return lambda name: sales_figures(batch_snapshot(lake), View(name), NOW, 45)


EXPECTED = {
    # revenue, units, refunds, orders, buyers, average order; for the span and the one before, until the same minute
    "hour": (("16.60", 3, "0.50", 2, 2, "8.30"), ("7.00", 1, "0.00", 1, 1, "7.00")),
    "today": (("23.60", 4, "0.50", 3, 2, "7.87"), ("4.00", 1, "0.00", 1, 1, "4.00")),
    "week": (("47.60", 6, "0.50", 5, 2, "9.52"), ("40.00", 1, "0.00", 1, 1, "40.00")),
    "month": (("87.60", 7, "0.50", 6, 3, "14.60"), None),
}


@pytest.mark.parametrize("span", SPANS)
def test_totals_are_those_of_the_events(figures: Callable[[str], Figures], span: str) -> None:
    shown = figures(span)

    assert [totals(shown.totals), totals(shown.before)] == list(EXPECTED[span])


def totals(row: dict[str, object]) -> tuple[object, ...] | None:
    names = ("revenue", "units", "refunds", "orders", "buyers", "average_order_value")
    return tuple(str(row[name]) if isinstance(row[name], Decimal) else row[name] for name in names) if row else None


@pytest.mark.parametrize("span", SPANS)
def test_the_charts_add_up_to_the_totals(figures: Callable[[str], Figures], span: str) -> None:
    shown = figures(span)

    for frame in (shown.top, shown.over_time):
        assert (frame["revenue"].sum(), frame["units"].sum()) == (shown.totals["revenue"], shown.totals["units"])
    assert shown.top["revenue"].is_sorted(descending=True)
    assert shown.over_time["bucket_start"].min() >= shown.start  # type: ignore[operator]


def test_the_last_hour_is_of_whole_windows(figures: Callable[[str], Figures]) -> None:
    shown = figures("hour")
    assert (shown.start.time(), shown.end) == (time(11, 0, 45), NOW)
    assert (shown.other_start.time(), shown.other_end.time()) == (time(10, 0, 45), time(11))
    starts = shown.over_time.filter(pl.col("revenue") != 0)["bucket_start"]

    assert starts.to_list() == [
        datetime(2026, 11, 24, 11, 9, 45, tzinfo=UTC),
        datetime(2026, 11, 24, 11, 59, 15, tzinfo=UTC),
    ]


def test_a_board_notices_a_new_batch_and_how_long_its_payments_took(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    board = Board(lake, lambda: NOW, 45)
    assert board.figures(View("hour")) is None
    board.look()
    assert (board.is_ready, board.last_payment, board.latency.figures()) == (True, None, {"purchases": 0})

    paid = NOW - timedelta(seconds=20)
    producer = Producer(mock_kafka.connection.options())
    for message in (event(event_time=paid.isoformat()), event(event_type="view")):
        producer.produce(topic, message, b"1", timestamp=int(paid.timestamp() * 1_000))
    assert producer.flush(20) == 0
    run(lake, stream)
    board.look()

    assert board.last_payment == paid
    waited = board.latency.figures()
    assert (waited["purchases"], waited["max"]) == (1, 20)
    hour = board.figures(View("hour"))
    assert hour is not None
    assert hour.totals["units"] == 1
    assert board.figures(View("hour")) is hour


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

    shown = {name: board.figures(View(name)) for name in ("hour", "today")}
    assert {name: figures and figures.totals["units"] for name, figures in shown.items()} == {"hour": 2, "today": 1}


def test_a_lake_that_cannot_be_read_is_said_and_tried_again(tmp_path: Path) -> None:
    in_the_way = tmp_path / "lake"
    in_the_way.write_text("a file")
    board = Board(Lake(str(in_the_way)), lambda: NOW, 45)
    board.look()
    assert "SALESINSIGHTS_LAKE" in str(board.error)
    assert not board.is_ready

    in_the_way.unlink()
    board.look()

    assert board.error is None
    assert board.is_ready


LONG_AGO = [
    sold(timedelta(days=400), price="0.10"),
    sold(timedelta(hours=2), price="5.00"),
    sold(timedelta(days=1, seconds=30), price="3.00"),
    sold(timedelta(days=1) - timedelta(seconds=5), price="9.00", user_id=2),
    sold(timedelta(days=7, hours=1), price="2.00"),
    sold(timedelta(days=364, hours=1), price="1.00"),
]


@pytest.mark.parametrize(
    ("compare", "before", "change"), [("before", "3.00", "66.7"), ("week", "2.00", "150.0"), ("year", "1.00", "400.0")]
)
def test_today_is_compared_with_another_day_until_the_same_minute(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, compare: str, before: str, change: str
) -> None:
    mock_kafka.publish(topic, LONG_AGO)
    run(lake, stream)

    shown = sales_figures(batch_snapshot(lake), View("today", compare), NOW, 45)

    assert (shown.before["revenue"], shown.before["buyers"]) == (Decimal(before), 1)
    assert (shown.change("revenue"), shown.change("units"), shown.incomparable) == (Decimal(change), 0, None)
    # The line of the other day goes on to midnight: it is what the rest of today is seen beside.
    whole = Decimal("12.00") if compare == "before" else Decimal(before)
    assert shown.over_time["other_revenue"].sum() == whole


@pytest.mark.parametrize(
    ("span", "why"),
    [
        ("hour", None),
        ("today", None),
        ("week", "the lake has only a part of the 7 days before until 12:00: sales begin 16 Nov 2026 12:00 UTC"),
        ("month", "the lake has nothing of the 30 days before until 12:00: sales begin 16 Nov 2026 12:00 UTC"),
    ],
)
def test_what_can_not_fairly_be_compared_says_why(
    figures: Callable[[str], Figures], span: str, why: str | None
) -> None:
    shown = figures(span)

    assert shown.incomparable == why
    assert (shown.change("revenue") is None) == (why is not None)


def test_nothing_is_compared_with_nothing(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [sold(timedelta(days=9), price="1.00")])
    run(lake, stream)

    shown = sales_figures(batch_snapshot(lake), View("today"), NOW, 45)

    assert (shown.totals, shown.before, shown.change("revenue")) == ({}, {}, None)
    assert shown.incomparable == "nothing was sold yesterday until 12:00"


def test_a_day_without_a_sale_has_fallen_by_everything(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [sold(timedelta(days=9)), sold(timedelta(days=1, hours=1))])
    run(lake, stream)

    shown = sales_figures(batch_snapshot(lake), View("today"), NOW, 45)

    assert (shown.totals, shown.change("orders"), shown.change("average_order_value")) == ({}, -100, None)


def test_what_is_kept_from_the_last_look_changes_no_figure(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    kept = Kept()
    for number, events in enumerate((SALES, LONG_AGO, [sold(timedelta(days=1, hours=2), price="8.00")])):
        mock_kafka.publish(topic, events)
        run(lake, stream)
        gold, now = batch_snapshot(lake), NOW + number * timedelta(minutes=7)
        for span in SPANS:
            warm = sales_figures(gold, View(span), now, 45, kept)
            cold = sales_figures(gold, View(span), now, 45)
            assert (warm.totals, warm.before, warm.forecast.total) == (cold.totals, cold.before, cold.forecast.total)
            assert warm.over_time.equals(cold.over_time)


def test_today_has_a_forecast_where_this_weekday_is_known(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, SALES)
    run(lake, stream)
    unknown = sales_figures(batch_snapshot(lake), View("today"), NOW, 45).forecast
    assert (unknown.total, unknown.why) == (None, "nothing is known of a Tuesday of the last 4 weeks")
    mock_kafka.publish(topic, [sold(timedelta(days=7) - timedelta(hours=3), price="24.00")])
    run(lake, stream)

    known = sales_figures(batch_snapshot(lake), View("today"), NOW, 45)

    # 23.60 sold, nothing is usual before 15:00, and a usual hour brings 1.00
    assert known.forecast.total == Decimal("23.60") + (Decimal("24.60") * 24).quantize(Decimal("0.01"))
    assert known.over_time["forecast"].drop_nulls().sum() >= known.forecast.total - known.totals["revenue"]  # type: ignore[operator]
