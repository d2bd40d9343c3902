"""The topic of audiences in a real Kafka: joins and leaves."""

from datetime import UTC, datetime

import pytest

from assets.customers.audiences import refresh_audiences
from assets.serving.audience_topic import AudienceTopic
from assets.serving.sales_topic import SalesTopic
from assets.tables import AUDIENCE_MEMBERS, SALES_TOPIC
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake
from tests.assets.gold.gold_states import GoldStates
from tests.assets.serving.audience_messages import followed, members, move
from tests.assets.serving.sales_messages import assert_equal, messages
from tests.lakes import rows

NOW = datetime(2020, 1, 2, tzinfo=UTC)


@pytest.fixture
def published(real_kafka: KafkaConnection, topic: str) -> AudienceTopic:
    return AudienceTopic(f"{topic}.audiences", lambda: real_kafka)


@pytest.mark.kafka
def test_a_join_is_a_row_and_a_leave_a_tombstone(published: AudienceTopic, lake: Lake) -> None:
    for seed in range(4):
        move(lake, seed)
        before = len(messages(published)) if seed else 0

        figures = published.catch_up(lake, NOW)

        assert followed(published) == members(lake)
        assert len(messages(published)) - before == figures["rows"] + figures["tombstones"]
        assert (figures["tombstones"] > 0) == (seed > 0)
    assert published.catch_up(lake, NOW)["rows"] == 0


@pytest.mark.kafka
def test_who_was_forgotten_has_left_though_the_version_before_is_gone(published: AudienceTopic, lake: Lake) -> None:
    move(lake, 1)
    published.catch_up(lake, NOW)
    (audience, user), *_ = members(lake)
    table = lake.table(AUDIENCE_MEMBERS)
    table.replace(table.read().clear(), f"user_id = {user}", {})
    lake.table(AUDIENCE_MEMBERS).purge()

    published.catch_up(lake, NOW)

    assert (audience, user) not in followed(published)
    assert followed(published) == members(lake)


@pytest.mark.kafka
def test_each_topic_of_a_lake_is_followed_by_itself(published: AudienceTopic, lake: Lake) -> None:
    sales = SalesTopic(f"{published.name}.sales", published.connect)
    GoldStates(lake, seed=1).move()
    move(lake, 1)
    for topic in (sales, published):
        topic.catch_up(lake, NOW)
    move(lake, 2)

    assert [topic.is_behind(lake) for topic in (sales, published)] == [False, True]
    published.catch_up(lake, NOW)

    assert not published.is_behind(lake)
    assert_equal(sales, lake)
    assert rows(lake, SALES_TOPIC)["topic"].sort().to_list() == [published.name, sales.name]


def test_a_shop_without_audiences_gets_no_topic(lake: Lake) -> None:
    away = AudienceTopic("shop.audiences", lambda: KafkaConnection("127.0.0.1:1"))

    refresh_audiences(lake, {}, NOW)
    assert not away.is_behind(lake)
    move(lake, 1)
    assert away.is_behind(lake)
