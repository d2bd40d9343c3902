from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from assets.customers.clv_model import refit
from assets.customers.customer_value import refresh_customer_value
from assets.customers.options import ClvOptions
from assets.stream.stream_assets import Stream
from assets.tables import CUSTOMER_VALUE, CUSTOMER_VALUE_DAYS
from assets.visitors.abandoned_carts import refresh_carts
from assets.visitors.cart_rule import CartRule
from resources.lake import Lake
from salesinsights_dagster.dashboard import one_customer as module
from salesinsights_dagster.dashboard.one_customer import Spent, find_customers, one_customer
from salesinsights_dagster.dashboard.pages.customer import headline, said_before, said_of_chance, said_value
from tests.assets.visitors.visits import follow
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

DID = [
    (7, "2019-10-01 12:00:00", "view", "10.00", 1),
    (7, "2019-10-01 12:01:00", "cart", "10.00", 1),
    (7, "2019-10-01 12:02:00", "purchase", "10.00", 1),
    (7, "2019-10-01 12:02:00", "purchase", "2.50", 2),
    (7, "2019-12-20 09:00:00", "purchase", "-2.50", 2),
    (7, "2020-01-10 08:00:00", "purchase", "4.00", 3),
    (7, "2020-01-10 20:00:00", "cart", "9.00", 5),
    (71, "2020-01-10 10:00:00", "purchase", "90.00", 3),
    (8, "2020-01-11 10:00:00", "view", "1.00", 3),
]


@pytest.fixture
def shop(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> Lake:
    """Two customers, and a visitor who has bought nothing."""
    done = [
        event(user_id=user, event_time=f"{at} UTC", event_type=kind, price=price, product_id=product, brand="irisk")
        for user, at, kind, price, product in DID
    ]
    mock_kafka.publish(topic, done)
    run(lake, stream)
    follow(lake)
    refresh_carts(lake, CartRule())
    refresh_customer_value(lake)
    return lake


def test_a_timeline_has_orders_returns_sessions_and_the_cart(shop: Lake) -> None:
    found = one_customer(shop, 7)

    assert found.timeline.select("kind", "what", "value").rows() == [
        ("left in the cart", "1 of 5 irisk", Decimal("9.00")),
        ("session", "1 min: 0 views, 1 put in the cart", None),
        ("order", "1 item: 3 irisk", Decimal("4.00")),
        ("session", "1 min: 0 views, 1 bought", Decimal("4.00")),
        ("return", "2 irisk", Decimal("-2.50")),
        ("session", "1 min: 0 views", None),
        ("order", "2 items: 1 irisk, 2 irisk", Decimal("12.50")),
        ("session", "3 min: 1 view, 1 put in the cart, 2 bought", Decimal("12.50")),
    ]
    assert (found.in_cart, found.sessions_since) == (Decimal("9.00"), date(2019, 10, 1))
    assert found.worth is not None
    assert found.worth["revenue"] == Decimal("14.00")
    assert (found.spent, found.spent_before) == (Spent(Decimal("1.50"), 1), Spent(Decimal("12.50"), 1))


def test_a_visitor_and_a_number_that_nobody_has_are_told_apart(shop: Lake) -> None:
    visitor, nobody = one_customer(shop, 8), one_customer(shop, 9)

    assert headline(visitor) == ("Customer 8", "Has visited the shop, and bought nothing yet.")
    assert headline(nobody) == ("No customer has the number 9", "Nobody with this number was seen.")
    assert (visitor.is_known, nobody.is_known, nobody.timeline.height) == (True, False, 0)


def test_before_anything_is_computed_nobody_is_said_to_be_unknown(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [event(user_id=7)])
    run(lake, stream)

    assert headline(one_customer(lake, 8))[1].startswith("Not computed yet.")
    assert headline(one_customer(lake, 7))[1].startswith("Not computed yet.")


def test_customers_are_found_by_the_beginning_of_their_number(shop: Lake) -> None:
    assert find_customers(shop, " 7 ")["user_id"].to_list() == [71, 7]
    assert find_customers(shop, "71")["user_id"].to_list() == [71]
    assert [find_customers(shop, text).height for text in ("", "8", "x", "7x", "\u0667", "9" * 30)] == [0] * 6


def test_only_the_newest_sessions_are_looked_through(shop: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SESSION_ROWS", 3)

    found = one_customer(shop, 7)

    assert found.sessions_since == date(2020, 1, 11)
    assert set(found.timeline["kind"]) == {"order", "return", "left in the cart"}


def test_what_was_said_a_month_before_stands_beside_what_is_said_now(shop: Lake) -> None:
    kept = rows(shop, CUSTOMER_VALUE).filter(user_id=7).with_columns(segment=pl.lit("loyal"), probability_alive=0.75)
    for day in (date(2019, 12, 1), date(2020, 1, 1)):
        known = kept.with_columns(as_of=day).select(CUSTOMER_VALUE_DAYS.schema.names())
        shop.table(CUSTOMER_VALUE_DAYS).append(known, {})

    found = one_customer(shop, 7)

    assert said_before(found.before, "segment") == "01 Dec 2019: loyal"
    assert said_before(found.before, "probability_alive") == "01 Dec 2019: 75 %"
    assert said_before(one_customer(shop, 71).before, "segment") == "Of 30 days ago nothing is recorded."


def test_where_nothing_is_expected_the_reason_stands_there(shop: Lake) -> None:
    refit(shop, ClvOptions(), datetime(2020, 1, 12, tzinfo=UTC))
    refresh_customer_value(shop)

    worth = one_customer(shop, 7).worth

    assert worth is not None
    why = "none: 1 of 2 customers bought on a second day, and a prediction takes 30"
    assert (said_value(worth, None, 365), said_of_chance(worth, None)) == (("\u2013", why), why)
