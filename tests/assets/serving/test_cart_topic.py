"""The topic of left carts in a real Kafka: left, bought, and the money at risk."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from assets.serving.cart_topic import CartTopic, RecoveredTopic
from assets.stream.stream_assets import Stream
from assets.visitors.abandoned_carts import refresh_carts
from assets.visitors.cart_rule import CartRule
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake
from tests.assets.serving.cart_messages import followed, left, move
from tests.assets.serving.sales_messages import messages, newest
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

NOW = datetime(2020, 1, 2, tzinfo=UTC)


@pytest.fixture
def published(real_kafka: KafkaConnection, topic: str) -> CartTopic:
    return CartTopic(f"{topic}.left-carts", lambda: real_kafka)


@pytest.mark.kafka
def test_what_is_left_is_a_row_and_what_is_left_no_more_a_tombstone(published: CartTopic, lake: Lake) -> None:
    for seed in range(4):
        move(lake, seed)
        before = len(messages(published)) if seed else 0

        figures = published.catch_up(lake, NOW)

        assert followed(published) == left(lake)
        assert len(messages(published)) - before == figures["rows"] + figures["tombstones"]
        assert (figures["tombstones"] > 0) == (seed > 0)
    assert published.catch_up(lake, NOW)["rows"] == 0


@pytest.mark.kafka
def test_a_follower_sees_the_money_at_risk_until_it_is_paid_and_then_what_was_paid(
    published: CartTopic, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    def at(time: str, kind: str = "view", user: int = 1) -> bytes:
        return event(event_time=f"2019-12-30 {time}:00 UTC", event_type=kind, user_id=user, product_id=8, price="2.50")

    recovered = RecoveredTopic(f"{topic}.recovered-carts", published.connect)
    at_risk, paid = list[Decimal | int](), list[list[str]]()
    for batch in (
        [at("10:00", "cart"), at("10:05", "cart")],
        [at("11:04", user=2)],
        [at("11:05", user=2)],
        [at("11:30", "purchase")],
    ):
        mock_kafka.publish(topic, batch)
        run(lake, stream)
        refresh_carts(lake, CartRule())
        for one in (published, recovered):
            one.catch_up(lake, NOW)
        at_risk.append(sum(Decimal(row["cart_value"]) for row in followed(published).values()))
        paid.append([row["revenue"] for row in map(json.loads, newest(messages(recovered)).values())])

    assert at_risk == [0, 0, Decimal("5.00"), 0]
    assert paid == [[], [], [], ["2.50"]]


def test_a_shop_in_which_no_cart_was_left_gets_no_topic(lake: Lake) -> None:
    away = CartTopic("shop.left-carts", lambda: KafkaConnection("127.0.0.1:1"))

    assert not away.is_behind(lake)
    move(lake, 1)
    assert away.is_behind(lake)
