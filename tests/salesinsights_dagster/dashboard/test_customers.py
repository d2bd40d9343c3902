from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl

from assets.customers.clv_model import refit
from assets.customers.customer_value import refresh_customer_value
from assets.customers.options import ClvOptions
from assets.stream.stream_assets import Stream
from assets.tables import ABANDONED_CARTS, CUSTOMER_DAYS, CUSTOMER_VALUE
from resources.lake import Lake
from salesinsights_dagster.dashboard.customers import LeftCarts, customers_now
from salesinsights_dagster.dashboard.pages.customers import said_clock, why_empty
from tests.assets.customers.shoppers import customer_days, regular_shop
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka


def test_customers_are_counted_once_in_every_table(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    nobody = customers_now(lake)
    assert (nobody.count, nobody.as_of, nobody.value_bands["customers"].sum()) == (0, None, 0)
    bought = [
        (1, "2019-10-01", "10.00"),
        (1, "2019-11-02", "25.00"),
        (2, "2019-10-03", "9.99"),
        (3, "2019-11-03", "1000.00"),
        (3, "2019-11-04", "-2.00"),
        (4, "2019-11-03", "0.00"),
        (5, "2019-11-03", "-7.00"),  # returns alone: no customer
    ]
    mock_kafka.publish(
        topic, [event(user_id=u, event_time=f"{day} 12:00:00 UTC", price=price) for u, day, price in bought]
    )
    run(lake, stream)
    refresh_customer_value(lake)

    seen = customers_now(lake, nobody)

    assert (seen.count, seen.as_of) == (4, date(2019, 11, 3))
    assert seen.value_bands.filter(seen.value_bands["customers"] > 0).rows() == [
        ("0 to 10", 2, Decimal("9.99")),
        ("30 to 100", 1, Decimal("35.00")),
        ("300 to 1,000", 1, Decimal("998.00")),
    ]
    assert seen.cohorts.select("cohort", "customers", "came_back", "revenue").rows() == [
        (date(2019, 11, 1), 2, 0, Decimal("998.00")),
        (date(2019, 10, 1), 2, 1, Decimal("44.99")),
    ]
    assert seen.top_customers["user_id"].to_list() == [3, 1, 2, 4]
    for frame in (seen.value_bands, seen.segments, seen.cohorts):
        assert (frame["customers"].sum(), frame["revenue"].sum()) == (4, Decimal("1042.99"))
    assert customers_now(lake, seen) is seen


def test_what_is_expected_who_is_lost_and_what_lies_in_carts(lake: Lake) -> None:
    lake.table(CUSTOMER_DAYS).append(customer_days(regular_shop(1_500, 120)), {})
    refit(lake, ClvOptions(), datetime.now(UTC))
    refresh_customer_value(lake)
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    items = [(1, 5, Decimal("2.00")), (1, 6, Decimal("3.50")), (2, 5, Decimal("2.00"))]
    put = {"quantity": 1, "carted_at": moment, "abandoned_at": moment, "brand": None, "user_session": None, "price": 1}
    left = [{"user_id": user, "product_id": product, "cart_value": value, **put} for user, product, value in items]
    lake.table(ABANDONED_CARTS).append(pl.DataFrame(left, schema=ABANDONED_CARTS.schema), {})

    seen, all_of = customers_now(lake), rows(lake, CUSTOMER_VALUE)

    is_lost = pl.col("segment").is_in(["can't lose", "at risk", "hibernating"])
    best = all_of.filter(~is_lost).sort("predicted_value", descending=True)["predicted_value"].head(20)
    assert seen.expected_customers["predicted_value"].to_list() == best.to_list()
    lost = all_of.filter(is_lost).sort("revenue", descending=True)
    assert seen.leaving_customers["user_id"].to_list() == lost["user_id"].head(20).to_list()
    assert seen.active == all_of.height - lost.height
    assert (seen.why, 0 < lost.height < all_of.height) == (None, True)
    segment = dict(all_of.select("user_id", "segment").iter_rows())
    assert seen.carts == LeftCarts(Decimal("7.50"), 2, Decimal("7.50"), Decimal("0"))
    assert seen.left_carts.rows() == [
        (1, segment[1], 2, Decimal("5.50"), moment),
        (2, segment[2], 1, Decimal("2.00"), moment),
    ]


def test_where_nothing_is_predicted_the_page_says_why(lake: Lake) -> None:
    lake.table(CUSTOMER_DAYS).append(customer_days({1: [(0, "5.00"), (3, "5.00")], 2: [(1, "4.00")]}), {})
    refit(lake, ClvOptions(), datetime.now(UTC))
    refresh_customer_value(lake)

    seen = customers_now(lake)

    why = "none: 1 of 2 customers bought on a second day, and a prediction takes 30"
    assert (seen.count, seen.why) == (2, why)
    assert seen.expected_customers.is_empty()
    assert why_empty(seen, "expected_customers") == f"Nothing is expected: {why}."


def test_customers_that_are_behind_say_so_and_when_they_were_computed(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [event()])
    run(lake, stream)
    refresh_customer_value(lake)
    current = customers_now(lake)
    mock_kafka.publish(topic, [event(user_id=2)])
    run(lake, stream)

    behind = customers_now(lake, current)

    assert (current.is_behind, behind.is_behind, behind.count) == (False, True, 1)
    assert behind.customers_at is not None
    assert abs(datetime.now(UTC) - behind.customers_at) < timedelta(minutes=10)
    told = f"computed at {behind.customers_at:%d %b %H:%M} UTC"
    assert said_clock(current).endswith(told)
    assert said_clock(current, "EUR").endswith(f"{told}. Money in EUR")
    assert said_clock(behind).endswith(f"{told}, newer purchases follow within minutes")
    refresh_customer_value(lake)
    assert customers_now(lake, behind).is_behind is False
