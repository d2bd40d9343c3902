"""What sells more and less than usual, on sales that can be counted by hand."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from assets.gold.product_categories import categories_of_products
from assets.products.catalog import load_catalog
from assets.progress.batch_snapshot import batch_snapshot
from assets.stream.stream_assets import Stream
from assets.tables import FUNNEL_DAILY
from resources.lake import Lake
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.movers import Movers, movers
from salesinsights_dagster.dashboard.movers_card import change_said, said
from salesinsights_dagster.dashboard.view import View
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

NOW = datetime(2026, 11, 27, 12, 7, 20, tzinfo=UTC)
CATEGORIES = pl.DataFrame({"product_id": [1, 2], "category": ["nails", "hair"]})


def sold(clock: str, weeks: int, price: str, **fields: object) -> bytes:
    moment = datetime.fromisoformat(f"2026-11-27T{clock}Z") - timedelta(weeks=weeks)
    return event(event_time=moment.isoformat(), price=price, **fields)


A, B, C = ({"product_id": number, "brand": brand} for number, brand in ((1, "a"), (2, "b"), (3, None)))
WEEKS = range(1, 5)
SALES = [
    sold("10:00:00", 0, "30.00", **A),
    *(sold("10:00:00", week, "10.00", **A) for week in WEEKS),
    *(sold("12:30:00", week, "99.00", **A) for week in WEEKS),
    *(sold("11:30:00", week, "20.00", **B) for week in WEEKS),
    sold("11:45:00", 0, "5.00", **C),
    sold("11:45:00", 2, "8.00", **C),
    sold("12:06:30", 0, "2.00", **B),
]


def found(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, events: list[bytes], span: str) -> Movers:
    mock_kafka.publish(topic, events)
    run(lake, stream)
    return movers_of(lake, span)


def movers_of(lake: Lake, span: str) -> Movers:
    gold = batch_snapshot(lake)
    return movers(gold, View(span), NOW, 45, CATEGORIES)


def changes(shown: Movers, level: str) -> list[tuple[object, ...]]:
    names = {"product": "product_id", "brand": "brand", "category": "category"}
    return shown.levels[level].select(names[level], "revenue", "usual", "change", "per_cent").rows()


def test_today_is_compared_with_the_same_hours_of_this_weekday(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    shown = found(lake, stream, mock_kafka, topic, [*SALES, sold("00:00:00", 5, "1.00")], "today")

    assert (shown.end, shown.times, shown.why) == (datetime(2026, 11, 27, 12, tzinfo=UTC), 4, None)
    rise = Decimal("30.00"), Decimal("10.00"), Decimal("20.00"), 200.0
    fall = Decimal("0.00"), Decimal("20.00"), Decimal("-20.00"), -100.0
    third = Decimal("5.00"), Decimal("2.00"), Decimal("3.00"), 150.0
    assert changes(shown, "product") == [(1, *rise), (3, *third), (2, *fall)]
    assert changes(shown, "brand") == [("a", *rise), ("b", *fall)]
    assert changes(shown, "category") == [("nails", *rise), ("hair", *fall)]
    assert said("Today", shown) == "Today until 12:00, against the mean of the same time in the 4 weeks before."


def test_movers_that_were_not_known_are_looked_for_with_the_next_batch(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    """The others rest for a minute: who opens the page just before a batch would be told that nothing is known."""
    board = Board(lake, lambda: NOW, 45)
    board.look()
    unknown = board.movers(View("hour"))
    assert unknown is not None
    assert unknown.why == "the lake has no sales of the same time 7 days ago"
    assert board.movers(View("hour")) is unknown

    found(lake, stream, mock_kafka, topic, SALES, "hour")
    board.look()

    known = board.movers(View("hour"))
    assert known is not None
    assert (known.why, changes(known, "product")[0]) == (
        None,
        (3, Decimal("5.00"), Decimal("2.00"), Decimal("3.00"), 150.0),
    )
    found(lake, stream, mock_kafka, topic, [sold("11:45:00", 0, "5.00", **C)], "hour")
    board.look()
    assert board.movers(View("hour")) is known


def test_the_last_hour_is_of_whole_minutes(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    shown = found(lake, stream, mock_kafka, topic, [*SALES, sold("00:00:00", 5, "1.00")], "hour")

    assert shown.end == datetime(2026, 11, 27, 12, 7, tzinfo=UTC)
    assert changes(shown, "product") == [
        (3, Decimal("5.00"), Decimal("2.00"), Decimal("3.00"), 150.0),
        (2, Decimal("2.00"), Decimal("20.00"), Decimal("-18.00"), -90.0),
    ]


def test_weeks_that_the_lake_has_only_in_part_do_not_count(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    last_week = [*SALES[:2], sold("00:00:00", 1, "4.00", **C)]

    today = found(lake, stream, mock_kafka, topic, last_week, "today")
    week = movers_of(lake, "week")

    assert today.times == 1
    assert changes(today, "product")[0] == (1, Decimal("30.00"), Decimal("10.00"), Decimal("20.00"), 200.0)
    assert said("Today", today) == "Today until 12:00, against the same time a week before."
    assert (week.times, week.levels["product"].height) == (0, 0)
    assert said("7 days", week) == "Not known: the lake has no sales of the same time 7 days ago."


def test_a_month_is_compared_with_the_same_weekdays(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    sales = [sold("10:00:00", 1, "9.00", **A), sold("10:00:00", 6, "3.00", **A), sold("10:00:00", 20, "1.00", **A)]

    shown = found(lake, stream, mock_kafka, topic, sales, "month")

    assert changes(shown, "product") == [(1, Decimal("9.00"), Decimal("3.00"), Decimal("6.00"), 200.0)]
    assert said("30 days", shown) == "30 days until 12:00, against the same time 5 weeks before."


@pytest.mark.parametrize(("code", "name"), [("nails.polish", "nails.polish"), (None, "1487580005134238553")])
def test_a_category_is_the_catalogues_or_the_events_code_or_number(lake: Lake, code: str | None, name: str) -> None:
    row = {"level": "product", "product_id": 1, "category_id": 1487580005134238553, "category_code": code}
    days = [{**row, "event_date": date(2026, 11, 26)}, {**row, "product_id": 2, "event_date": date(2026, 11, 1)}]
    lake.table(FUNNEL_DAILY).append(pl.DataFrame(days, schema=FUNNEL_DAILY.schema), {})

    assert categories_of_products(lake, NOW).rows() == [(1, name)]
    told = pl.DataFrame({"product_id": [1, 3, 4], "category": ["care", "tools", None]})
    load_catalog(lake, told, datetime(2026, 11, 1, tzinfo=UTC))
    assert sorted(categories_of_products(lake, NOW).rows()) == [(1, "care"), (3, "tools")]


@pytest.mark.parametrize(
    ("change", "per_cent", "shown"),
    [
        ("5.00", 1250.4, "▲ 1,250 %"),
        ("-5.00", -99.6, "▼ 100 %"),
        ("5.00", None, "▲ new"),
        ("-5.00", None, "▼ returned"),
    ],
)
def test_a_change_is_never_an_arrow_alone(change: str, per_cent: float | None, shown: str) -> None:
    assert change_said(Decimal(change), per_cent) == shown
