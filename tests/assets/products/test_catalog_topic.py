"""The catalogue's topic is read exactly once, on the in-process broker and on a real one."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest
from confluent_kafka import Producer

from assets.products import catalog_topic
from assets.products.catalog import load_catalog
from assets.products.catalog_topic import Taken, catalog_is_behind, read_catalog_topic
from assets.tables import CATALOG, CATALOG_REFUSED
from assets.tables.topics import table_topic
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader
from resources.kafka_topics import ensure_topic
from resources.lake import Lake
from resources.lake_table import LakeTable
from tests.faults.interleaving import crash_before, once_before
from tests.lakes import rows
from tests.resources.mock_kafka import MockKafka, MockTopicReader

NOW = datetime(2099, 1, 1, tzinfo=UTC)


def said(product: int, **facts: object) -> tuple[bytes, bytes | None]:
    return str(product).encode(), json.dumps(facts).encode()


def gone(product: int) -> tuple[bytes, bytes | None]:
    return str(product).encode(), None


@pytest.fixture
def reader(mock_kafka: MockKafka, topic: str) -> MockTopicReader:
    mock_kafka.publish_keyed(topic, [])
    return MockTopicReader(mock_kafka.connection, topic)


def names(lake: Lake) -> dict[int, str]:
    held = rows(lake, CATALOG).filter(pl.col("valid_to").is_null())
    return dict(held.select("product_id", "name").iter_rows())


def test_messages_become_rows_and_bad_ones_are_kept_with_a_reason(
    lake: Lake, mock_kafka: MockKafka, topic: str, reader: MockTopicReader
) -> None:
    mock_kafka.publish_keyed(topic, [said(5, name="a"), said(6, name="b"), said(7, cost="cheap")])
    mock_kafka.publish_keyed(topic, [said(8, name="c")], partition=1)
    assert catalog_is_behind(lake, reader)

    assert read_catalog_topic(lake, reader, NOW) == Taken(read=4, refused=1)

    assert names(lake) == {5: "a", 6: "b", 8: "c"}
    refused = rows(lake, CATALOG_REFUSED).select("source", "partition", "offset", "key", "value", "reason", "detail")
    assert refused.rows() == [(topic, 0, 2, b"7", b'{"cost": "cheap"}', "bad_cost", "cost: cheap")]
    assert not catalog_is_behind(lake, reader)
    assert read_catalog_topic(lake, reader, NOW) == Taken(0, 0)
    mock_kafka.publish_keyed(topic, [gone(5), said(6, name="bb")])
    read_catalog_topic(lake, reader, NOW)
    assert names(lake) == {6: "bb", 8: "c"}
    assert rows(lake, CATALOG)["name"].to_list().count("b") == 1


def test_a_run_that_is_killed_in_between_adds_nothing_twice(
    lake: Lake, mock_kafka: MockKafka, topic: str, reader: MockTopicReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock_kafka.publish_keyed(topic, [said(5, name="a"), said(6, cost="x"), said(5, name="b")])
    crash_before(monkeypatch, catalog_topic, "with_told", lambda: read_catalog_topic(lake, reader, NOW))
    assert (rows(lake, CATALOG).height, rows(lake, CATALOG_REFUSED).height) == (0, 1)
    mock_kafka.publish_keyed(topic, [said(7, cost="y")])

    read_catalog_topic(lake, reader, NOW)

    assert rows(lake, CATALOG_REFUSED)["offset"].to_list() == [1, 3]
    assert rows(lake, CATALOG)["name"].to_list() == ["a", "b"]


def test_of_two_readers_and_a_file_at_once_nothing_is_lost(
    lake: Lake, mock_kafka: MockKafka, topic: str, reader: MockTopicReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock_kafka.publish_keyed(topic, [said(5, name="a"), said(6, cost="x"), said(5, name="b")])

    def others() -> None:
        load_catalog(lake, pl.DataFrame({"product_id": [9], "name": ["c"]}), datetime(2020, 1, 1, tzinfo=UTC))
        read_catalog_topic(lake, reader, NOW)

    once_before(monkeypatch, LakeTable, "replace", others)
    read_catalog_topic(lake, reader, NOW)

    assert names(lake) == {5: "b", 9: "c"}
    assert (rows(lake, CATALOG).height, rows(lake, CATALOG_REFUSED).height) == (3, 1)


def test_a_topic_that_was_created_again_is_read_from_its_start(
    lake: Lake, mock_kafka: MockKafka, topic: str, reader: MockTopicReader
) -> None:
    mock_kafka.publish_keyed(topic, [said(5, name="a"), said(6, name="b")])
    read_catalog_topic(lake, reader, NOW)
    reader.topic_id = "second"

    assert read_catalog_topic(lake, reader, NOW) == Taken(read=2, refused=0)

    assert rows(lake, CATALOG).height == 2


@pytest.mark.kafka
def test_a_real_compacted_topic_is_read_once_from_transactions_too(
    lake: Lake, real_kafka: KafkaConnection, topic: str
) -> None:
    reader = KafkaReader(real_kafka, topic)
    assert not catalog_is_behind(lake, reader)
    ensure_topic(real_kafka, table_topic(topic))
    producer = Producer(real_kafka.options(transactional_id=topic))
    producer.init_transactions(60)

    def send(*messages: tuple[bytes, bytes | None], is_kept: bool = True) -> None:
        producer.begin_transaction()
        for key, value in messages:
            producer.produce(topic, value, key)
        producer.flush(60)
        (producer.commit_transaction if is_kept else producer.abort_transaction)(60)

    send(said(5, name="a"), said(6, name="b"), said(7, stock="?"))
    send(said(5, name="never said"), is_kept=False)
    assert read_catalog_topic(lake, reader, NOW) == Taken(read=3, refused=1)
    assert not catalog_is_behind(lake, reader)
    send(gone(5), said(6, name="bb"))
    assert catalog_is_behind(lake, reader)

    assert read_catalog_topic(lake, reader, NOW) == Taken(read=2, refused=0)

    assert names(lake) == {6: "bb"}
    assert rows(lake, CATALOG).height == 3
    assert not catalog_is_behind(lake, reader)
