"""The topic of product sales in a real Kafka."""

import runpy
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

from assets.serving import table_topic
from assets.serving.sales_topic import SalesTopic
from assets.stream.replicas import ReplicaError
from assets.tables import PRODUCT_SALES
from resources.kafka_connection import KafkaConnection
from resources.kafka_topics import ensure_topic
from resources.kafka_writer import SoleWriter
from resources.lake import Lake
from resources.topic_claim import Claim, read_claim
from tests.assets.gold.gold_states import GoldStates
from tests.assets.serving.sales_messages import assert_equal, messages, told_key, told_value

pytestmark = pytest.mark.kafka

NOW = datetime(2020, 1, 2, tzinfo=UTC)


@pytest.fixture
def published(real_kafka: KafkaConnection, topic: str) -> SalesTopic:
    return SalesTopic(f"{topic}.sales", lambda: real_kafka)


def test_the_topic_follows_gold_row_for_row(published: SalesTopic, lake: Lake) -> None:
    states, tombstones = GoldStates(lake, seed=1), 0
    for _ in range(10):
        states.move()
        assert published.is_behind(lake)
        tombstones += published.catch_up(lake, NOW)["tombstones"]
        assert not published.is_behind(lake)
        assert_equal(published, lake)

    assert tombstones > 0


def test_a_second_time_sends_nothing(published: SalesTopic, lake: Lake) -> None:
    GoldStates(lake, seed=2).move()
    published.catch_up(lake, NOW)
    sent = len(messages(published))

    figures = published.catch_up(lake, NOW)

    assert (figures["rows"], figures["tombstones"]) == (0, 0)
    assert len(messages(published)) == sent > 0


def test_only_changed_rows_are_sent(published: SalesTopic, lake: Lake) -> None:
    states = GoldStates(lake, seed=3)
    for _ in range(4):
        states.move()
    published.catch_up(lake, NOW)
    sent = len(messages(published))
    table = lake.table(PRODUCT_SALES)
    rows = table.read()
    units = rows["units"].scatter(0, 2)
    table.replace(rows.with_columns(units=units), None, {})

    assert published.catch_up(lake, NOW)["rows"] == 1
    assert len(messages(published)) == sent + 1
    assert_equal(published, lake)


def test_a_topic_whose_version_is_gone_is_brought_to_gold_with_tombstones(published: SalesTopic, lake: Lake) -> None:
    """As after `forget`, which deletes every older version; a key that belongs to no row is taken back too."""
    states = GoldStates(lake, seed=4)
    for _ in range(4):
        states.move()
    published.catch_up(lake, NOW)
    stranger = Producer(published.connect().options())
    stranger.produce(published.name, b'{"version":1}', b"no key of ours")
    assert stranger.flush(20) == 0
    for _ in range(6):
        states.move()
    lake.table(PRODUCT_SALES).purge()

    assert published.catch_up(lake, NOW)["tombstones"] > 1
    assert_equal(published, lake)


def test_a_topic_that_was_deleted_is_filled_again(published: SalesTopic, lake: Lake) -> None:
    states = GoldStates(lake, seed=5)
    states.move()
    published.catch_up(lake, NOW)
    delete(published)
    states.move()

    published.catch_up(lake, NOW)

    assert_equal(published, lake)


def delete(topic: SalesTopic) -> None:
    admin = AdminClient(topic.connect().options())
    admin.delete_topics([topic.name])[topic.name].result()
    while True:
        described = admin.describe_topics(TopicCollection([topic.name]))
        if described[topic.name].exception(timeout=20) is not None:
            return


def test_the_topic_is_compacted(published: SalesTopic, lake: Lake) -> None:
    GoldStates(lake, seed=6).move()
    published.catch_up(lake, NOW)
    admin = AdminClient(published.connect().options())
    resource = ConfigResource(ConfigResource.Type.TOPIC, published.name)
    config = admin.describe_configs([resource])[resource].result(timeout=20)

    assert config["cleanup.policy"].value == "compact"


def test_an_earlier_writer_that_wakes_up_can_not_send(
    published: SalesTopic, lake: Lake, real_kafka: KafkaConnection
) -> None:
    """Its rows are older than what the topic has by then."""
    states = GoldStates(lake, seed=7)
    states.move()
    published.catch_up(lake, NOW)
    sleeper = SoleWriter(real_kafka, published.name)
    states.move()
    published.catch_up(lake, NOW)

    with pytest.raises(Exception, match=r"fenced|newer|_FENCED"):
        sleeper.publish([(b"key", b"old")], Claim("nobody", NOW))

    assert_equal(published, lake)


def test_a_cluster_that_is_away_is_an_error_and_the_topic_is_still_behind(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = SalesTopic("shop.away", lambda: KafkaConnection("127.0.0.1:1"))
    GoldStates(lake, seed=8).move()
    monkeypatch.setattr(table_topic, "ensure_topic", partial(ensure_topic, timeout=1))

    with pytest.raises(ReplicaError, match=r"topic shop\.away is behind gold"):
        away.catch_up(lake, NOW)
    assert away.is_behind(lake)


def test_the_example_consumer_has_the_rows_of_gold(
    lake: Lake, real_kafka: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = runpy.run_path(str(Path(__file__).parents[3] / "docs" / "follow_product_sales.py"))
    published = SalesTopic(example["TOPIC"], lambda: real_kafka)
    states = GoldStates(lake, seed=9)
    for _ in range(5):
        states.move()
        published.catch_up(lake, NOW)
    assert messages(published)

    rows = example["follow"](real_kafka.bootstrap_servers, until_end=True)

    found = {key.decode(): {n: v for n, v in row.items() if n != "version"} for key, row in rows.items()}
    assert found == {told_key(row): told_value(row) for row in lake.table(PRODUCT_SALES).read().to_dicts()}


@pytest.fixture
def states(published: SalesTopic, lake: Lake) -> GoldStates:
    """Gold, published by the first home."""
    states = GoldStates(lake, seed=10)
    states.move()
    states.move()
    published.catch_up(lake, NOW)
    return states


@pytest.fixture
def other(states: GoldStates, lake: Lake, tmp_path: Path) -> Lake:
    """A copy of that home, in which gold has gone another way."""
    shutil.copytree(lake.root, tmp_path / "other")
    other = Lake(str(tmp_path / "other"))
    ways = GoldStates(other, seed=11)
    ways.move()
    ways.move()
    return other


def test_another_home_is_refused_and_disturbs_nobody(
    published: SalesTopic, states: GoldStates, lake: Lake, other: Lake, real_kafka: KafkaConnection
) -> None:
    at_work, sent = SoleWriter(real_kafka, published.name), len(messages(published))
    claim = read_claim(real_kafka, published.name)
    assert claim is not None

    with pytest.raises(ReplicaError, match=r"belongs to the lake .*/lake on .*SALESINSIGHTS_SALES_TOPIC.*`off`"):
        published.catch_up(other, NOW + timedelta(minutes=9))

    assert len(messages(published)) == sent
    at_work.publish([(b"a key of nobody", None)], claim)
    states.move()
    published.catch_up(lake, NOW)
    assert_equal(published, lake)


def test_the_same_folder_on_another_machine_is_another_home(
    published: SalesTopic, states: GoldStates, lake: Lake
) -> None:
    states.move()

    with pytest.raises(ReplicaError, match="belongs to the lake"):
        replace(published, host="elsewhere").catch_up(lake, NOW)


def test_homes_that_follow_each_other_publish_the_whole_topic(
    published: SalesTopic, states: GoldStates, lake: Lake, other: Lake
) -> None:
    """What a home knows of the topic is not true any more once another one has published."""
    published.catch_up(other, NOW + timedelta(minutes=10))
    assert_equal(published, other)

    states.move()
    with pytest.raises(ReplicaError, match="belongs to the lake"):
        published.catch_up(lake, NOW + timedelta(minutes=19))
    published.catch_up(lake, NOW + timedelta(minutes=20))

    assert_equal(published, lake)


def test_a_home_without_sales_keeps_its_topic(
    published: SalesTopic, states: GoldStates, lake: Lake, other: Lake
) -> None:
    published.renew(lake, NOW + timedelta(minutes=9))
    published.renew(other, NOW + timedelta(minutes=9))

    with pytest.raises(ReplicaError, match=r"which said so at 2020-01-02 00:09:00 UTC"):
        published.catch_up(other, NOW + timedelta(minutes=18))


def test_a_claim_is_renewed_every_few_minutes_at_most(
    published: SalesTopic, states: GoldStates, lake: Lake, real_kafka: KafkaConnection
) -> None:
    seen = []
    for minute in range(7):
        published.renew(lake, NOW + timedelta(minutes=minute))
        claim = read_claim(real_kafka, published.name)
        assert claim is not None
        seen.append((claim.at - NOW) // timedelta(minutes=1))

    assert seen == [0, 0, 0, 3, 3, 3, 6]
