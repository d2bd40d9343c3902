"""The stream's runs follow the catalogue's topic as they follow a replica."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from assets.serving.catalog_topic import CatalogTopic
from assets.stream.replicas import ReplicaError, any_behind, catch_up
from assets.tables import CATALOG
from assets.tables.asset_specs import key_of
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader
from resources.lake import Lake
from salesinsights_dagster.definitions import build_definitions
from salesinsights_dagster.settings import load_settings
from tests.lakes import rows
from tests.resources.mock_kafka import MockKafka, MockTopicReader

NOW = datetime(2099, 1, 1, tzinfo=UTC)


def test_a_run_reads_what_is_new_and_tells_dagster(lake: Lake, mock_kafka: MockKafka, topic: str) -> None:
    followed = CatalogTopic(lambda: MockTopicReader(mock_kafka.connection, topic))
    mock_kafka.publish_keyed(topic, [(b"5", b'{"name": "Lipstick"}'), (b"?", None)])
    assert any_behind([followed], lake)

    (made,) = catch_up([followed], lake, NOW)

    assert made.asset_key == key_of(CATALOG)
    assert {name: value.value for name, value in made.metadata.items()} == {"read": 2, "refused": 1}
    assert rows(lake, CATALOG)["name"].to_list() == ["Lipstick"]
    assert not any_behind([followed], lake)
    assert list(catch_up([followed], lake, NOW)) == []


def test_a_cluster_that_is_away_fails_the_replica_and_not_the_stream(lake: Lake) -> None:
    away = CatalogTopic(lambda: KafkaReader(KafkaConnection("127.0.0.1:1"), "shop.catalog", timeout=1))

    assert not any_behind([away], lake)
    with pytest.raises(ReplicaError, match="the catalogue's topic can't be asked"):
        list(catch_up([away], lake, NOW))


def test_the_catalogue_is_one_asset_with_a_topic_and_without(tmp_path: Path) -> None:
    for setting in ({}, {"SALESINSIGHTS_CATALOG_TOPIC": "shop.catalog"}):
        defs = build_definitions(load_settings({"SALESINSIGHTS_HOME": str(tmp_path), **setting}))

        assert [spec.key for spec in defs.resolve_all_asset_specs()].count(key_of(CATALOG)) == 1
