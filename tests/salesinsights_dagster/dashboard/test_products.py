from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from assets.products.bought_together import refresh_bought_together
from assets.products.repurchases import refresh_repurchases
from assets.progress.batch_snapshot import BatchSnapshot, batch_snapshot
from assets.stream.stream_assets import Stream
from resources.lake import Lake
from salesinsights_dagster.dashboard.pages.product import bar_labels, bought_again, shares
from salesinsights_dagster.dashboard.products import (
    company_of_product,
    find_products,
    funnel_of_product,
    sales_of_product,
)
from tests.assets.visitors.visits import follow
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

NOW = datetime(2026, 11, 24, 12, 0, 20, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def gold(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> BatchSnapshot:
    sales = [(MINUTE, 51, "irisk", 3), (2 * DAY, 51, "irisk", 4), (31 * DAY, 51, "irisk", 99), (DAY, 5, "Runail", 50)]
    mock_kafka.publish(
        topic,
        [
            event(event_time=(NOW - ago).isoformat(), product_id=number, brand=brand, price=price)
            for ago, number, brand, price in sales
        ],
    )
    run(lake, stream)
    return batch_snapshot(lake)


def test_a_product_has_its_days_and_todays_windows(gold: BatchSnapshot) -> None:
    shown = sales_of_product(gold, 51, NOW)

    assert shown.brand == "irisk"
    assert shown.days.select("event_date", "revenue").rows() == [
        (NOW.date(), Decimal("3.00")),
        ((NOW - 2 * DAY).date(), Decimal("4.00")),
    ]
    assert shown.windows.select("window_start", "units").rows() == [(datetime(2026, 11, 24, 11, 59, 15, tzinfo=UTC), 1)]


def test_a_product_that_was_never_sold_has_no_rows(gold: BatchSnapshot) -> None:
    shown = sales_of_product(gold, -1, NOW)

    assert (shown.brand, shown.days.height, shown.windows.height) == (None, 0, 0)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("5", [5, 51]),
        ("51", [51]),
        ("1", []),
        (" IRI", [51]),
        ("runail", [5]),
        ("", [5, 51]),
        ("%", []),
        ("' OR 1=1", []),
    ],
)
def test_products_are_found_by_number_or_brand(gold: BatchSnapshot, wanted: str, found: list[int]) -> None:
    rows = find_products(gold, wanted, NOW)

    assert rows["product_id"].to_list() == found
    assert rows["revenue"].sum() == {5: 50, 51: 7}.get(found[0] if len(found) == 1 else 0, 57 if found else 0)


def test_a_product_has_its_way_from_view_to_purchase(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    done = ["view"] * 4 + ["cart"] * 2 + ["remove_from_cart", "purchase"]
    mine = [event(event_time=NOW.isoformat(), event_type=kind, user_id=user) for user, kind in enumerate(done, start=1)]
    old = event(event_time=(NOW - 31 * DAY).isoformat(), event_type="view")
    mock_kafka.publish(topic, [*mine, old, event(event_time=NOW.isoformat(), event_type="view", product_id=2)])
    run(lake, stream)
    follow(lake)

    found = funnel_of_product(lake, 5773203, NOW)

    assert found.steps.rows() == [
        ("Viewed", 4, 100.0),
        ("Put in a cart", 2, 50.0),
        ("Taken out", 1, 25.0),
        ("Bought", 1, 25.0),
    ]
    assert bar_labels(found.steps) == [
        "4",
        "2  (50 per 100 views)",
        "1  (25 per 100 views)",
        "1  (25 per 100 views)",
    ]
    assert found.until is not None
    assert found.until < stream.clock()


def test_a_product_that_nobody_looked_at_has_no_steps_and_a_sale_without_a_view_no_rate(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [event(event_time=NOW.isoformat())])
    run(lake, stream)
    follow(lake)

    nobody, unseen = funnel_of_product(lake, 7, NOW).steps, funnel_of_product(lake, 5773203, NOW).steps
    assert nobody.is_empty()
    assert bar_labels(nobody) == []
    assert unseen["per_100_views"].to_list() == [None] * 4
    assert bar_labels(unseen) == ["0", "0", "0", "1"]


def test_a_product_has_what_is_bought_with_it_and_when_again(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    orders = [(user, day) for user in (1, 2) for day in (1, 8)]
    sold = [
        event(event_time=f"2019-10-0{day} 10:00:00 UTC", user_id=user, product_id=product, brand=f"b{product}")
        for user, day in orders
        for product in (51, 52)
    ]
    mock_kafka.publish(topic, [*sold, event(event_time="2019-10-09 10:00:00 UTC", user_id=3, product_id=51)])
    run(lake, stream)
    assert not company_of_product(lake, 51).is_computed
    refresh_bought_together(lake)
    refresh_repurchases(lake)

    found = company_of_product(lake, 51)

    assert shares(found.others).rows() == [(52, "b52", 4, "80.0 %", 1.0)]
    assert bought_again(found) == (
        "2 of 3 customers bought it again within a year, typically 7 days later (half of the times after 7 to 7 days)"
    )
    nobody = company_of_product(lake, 7)
    assert (nobody.is_computed, nobody.others.height, bought_again(nobody)) == (True, 0, "")
