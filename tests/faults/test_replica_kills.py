"""A SIGKILL at every point of the update of a replica; the next update makes it equal to gold.

Sometimes gold changes between the kill and the next update, so that a half-made step also meets newer rows.
"""

import signal
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from assets.serving.audience_topic import AudienceTopic
from assets.serving.cart_topic import CartTopic
from assets.serving.postgres_replica import PostgresReplica
from assets.serving.sales_topic import SalesTopic
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake
from tests.assets.gold.gold_states import GoldStates
from tests.assets.serving import audience_messages, cart_messages, postgres_copies, sales_messages
from tests.assets.serving.postgres_copies import copy, server
from tests.campaign import tries
from tests.faults.replica_run import NOW, TOPIC_MOMENTS, catch_up_and_die
from tests.faults.standby import Standby

__all__ = ["copy", "server"]

STATEMENTS = range(0, 20, tries(3, 1))
"""At which statements of an update it is killed."""


@pytest.mark.kafka
def test_the_compacted_topic_equals_gold_after_kills(
    standby: Standby, lake: Lake, topic: str, real_kafka: KafkaConnection
) -> None:
    published = SalesTopic(f"{topic}.sales", lambda: real_kafka)
    states = GoldStates(lake, seed=11)
    for moves_on, moment in product([False, True], TOPIC_MOMENTS):
        states.move()
        assert catch_up_and_die(standby, published, lake, moment) == -signal.SIGKILL, moment
        if moves_on:
            states.move()

        published.catch_up(lake, NOW)

        sales_messages.assert_equal(published, lake)


@pytest.mark.kafka
@pytest.mark.parametrize("moment", ["after the mark", "after the claim"])
def test_a_kill_while_a_home_takes_the_topic_over(
    moment: str, standby: Standby, lake: Lake, topic: str, real_kafka: KafkaConnection, tmp_path: Path
) -> None:
    """The mark that is committed first says that nothing is known of the topic any more."""
    published, other = SalesTopic(f"{topic}.sales", lambda: real_kafka), Lake(str(tmp_path / "other"))
    states, long_ago = GoldStates(lake, seed=13), NOW - timedelta(hours=1)
    states.move()
    published.catch_up(lake, long_ago - timedelta(hours=1))
    GoldStates(other, seed=14).move()
    published.catch_up(other, long_ago)
    states.move()
    assert catch_up_and_die(standby, published, lake, moment) == -signal.SIGKILL

    published.catch_up(lake, NOW)

    sales_messages.assert_equal(published, lake)


FOLLOWED: dict[str, tuple[Any, ...]] = {
    "audiences": (AudienceTopic, audience_messages.move, audience_messages.followed, audience_messages.members),
    "left-carts": (CartTopic, cart_messages.move, cart_messages.followed, cart_messages.left),
}
"""By topic: what publishes it, what changes its table, what a follower knows, and what it should know."""


@pytest.mark.kafka
@pytest.mark.parametrize("name", FOLLOWED)
def test_who_follows_a_table_knows_its_rows_after_kills(
    name: str, standby: Standby, lake: Lake, topic: str, real_kafka: KafkaConnection
) -> None:
    kind, move, followed, held = FOLLOWED[name]
    published = kind(f"{topic}.{name}", lambda: real_kafka)
    for number, moment in enumerate(TOPIC_MOMENTS):
        move(lake, seed=number)
        assert catch_up_and_die(standby, published, lake, moment) == -signal.SIGKILL, moment
        if number % 2:
            move(lake, seed=100 + number)

        published.catch_up(lake, NOW)

        assert followed(published) == held(lake)


def test_the_database_equals_gold_after_kills(standby: Standby, lake: Lake, copy: PostgresReplica) -> None:
    states = GoldStates(lake, seed=12)
    states.move()
    copy.catch_up(lake, NOW)
    for number in STATEMENTS:
        states.move()
        assert catch_up_and_die(standby, copy, lake, str(number)) == -signal.SIGKILL, number
        if number % 2:
            states.move()

        copy.catch_up(lake, NOW)

        postgres_copies.assert_equal(copy.url, lake)
