"""Every call of the update of a replica fails once; the next update makes it equal to gold.

About every second time gold changes between the two, so that a half-made step also meets newer rows. The suite makes a
selection; a campaign (`tests.campaign`) tries all of them.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from random import Random

import polars as pl
import pytest

from assets.serving.postgres_replica import PostgresReplica
from assets.serving.sales_topic import SalesTopic
from assets.stream.replicas import Replica, ReplicaError
from assets.tables import PRODUCT_SALES
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake
from tests.assets.gold.gold_states import GoldStates
from tests.assets.serving import postgres_copies, sales_messages
from tests.assets.serving.postgres_copies import copy, server
from tests.faults.failing_calls import Calls, Fault, affordable, faults_of, watched
from tests.faults.interleaving import CrashError

__all__ = ["copy", "server"]

NOW = datetime(2020, 1, 2, tzinfo=UTC)


def fail_at_every_call(replica: Replica, lake: Lake, most: int, assert_equal: Callable[[], None]) -> None:
    states = GoldStates(lake, seed=15)
    states.move()
    replica.catch_up(lake, NOW)
    states.move()
    calls = Calls()
    with watched(calls):
        replica.catch_up(lake, NOW)
    assert_equal()

    faults = affordable(faults_of(calls.made), most)
    chance = Random(15)
    for fault in faults:
        states.move()
        fail(replica, lake, fault)
        if chance.random() < 0.5:
            states.move()

        replica.catch_up(lake, NOW)

        assert_equal()
    print(f"{len(calls.made)} calls, {len(faults)} faults")


def fail(replica: Replica, lake: Lake, fault: Fault) -> None:
    calls = Calls(fault)
    with watched(calls), suppress(ReplicaError):
        replica.catch_up(lake, NOW)
    assert calls.has_failed, fault


@pytest.mark.kafka
def test_the_topic_of_sales_equals_gold_after_any_failure(lake: Lake, topic: str, real_kafka: KafkaConnection) -> None:
    published = SalesTopic(f"{topic}.sales", lambda: real_kafka)

    fail_at_every_call(published, lake, 10, lambda: sales_messages.assert_equal(published, lake))


def test_the_database_equals_gold_after_any_failure(lake: Lake, copy: PostgresReplica) -> None:
    fail_at_every_call(copy, lake, 14, lambda: postgres_copies.assert_equal(copy.url, lake))


@pytest.mark.kafka
def test_a_row_that_was_published_and_then_changed_back_is_published_again(
    lake: Lake, topic: str, real_kafka: KafkaConnection
) -> None:
    """The publication has happened, and nobody was told: what the lake knows of the topic is older than the topic."""
    published = SalesTopic(f"{topic}.sales", lambda: real_kafka)
    GoldStates(lake, seed=16).move()
    published.catch_up(lake, NOW)
    before = lake.table(PRODUCT_SALES).read()
    sales = lake.table(PRODUCT_SALES)
    key = pl.col("product_id") + 1_000
    sales.replace(
        pl.concat([before.with_columns(units=pl.lit(7, pl.Int64)), before.with_columns(product_id=key)]), None, {}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SalesTopic, "_note", crash)
        with pytest.raises(CrashError):
            published.catch_up(lake, NOW)
    sales.replace(before, None, {})

    published.catch_up(lake, NOW)

    sales_messages.assert_equal(published, lake)


def crash(*_: object) -> None:
    raise CrashError
