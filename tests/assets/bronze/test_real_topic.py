"""What only a real broker does: topic ids, deleted records, transaction markers, a recreated topic."""

import time
from collections.abc import Callable
from datetime import datetime

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from assets.bronze.bronze import OffsetsLostError
from assets.stream.stream_assets import Stream
from assets.tables import SILVER_BATCHES
from assets.tables.topics import events_topic
from assets.upkeep.audit import audit
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader
from resources.kafka_topics import ensure_topic
from resources.lake import Lake
from tests.conftest import event
from tests.lakes import rows, run

pytestmark = pytest.mark.kafka


@pytest.fixture
def stream(real_kafka: KafkaConnection, topic: str, clock: Callable[[], datetime]) -> Stream:
    ensure_topic(real_kafka, events_topic(topic))
    return Stream(lambda: KafkaReader(real_kafka, topic), clock, batch_rows=1_000, window_seconds=45)


def publish(kafka: KafkaConnection, topic: str, *values: bytes) -> None:
    producer = Producer(kafka.options())
    for value in values:
        producer.produce(topic, value, b"1", 0)
    assert producer.flush(20) == 0


def in_transaction(kafka: KafkaConnection, topic: str, name: str, *values: bytes) -> Producer:
    producer = Producer(kafka.options(transactional_id=name))
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value, b"1", 0)
    assert producer.flush(20) == 0
    return producer


def test_markers_and_aborted_records_are_counted(
    lake: Lake, stream: Stream, real_kafka: KafkaConnection, topic: str
) -> None:
    in_transaction(real_kafka, topic, "kept", event()).commit_transaction(20)
    in_transaction(real_kafka, topic, "dropped", event(user_id=2), event(user_id=3)).abort_transaction(20)
    publish(real_kafka, topic, event(user_id=4))

    run(lake, stream)

    first = rows(lake, SILVER_BATCHES).row(0, named=True)
    assert (first["start_offset"], first["end_offset"]) == (0, 6)
    assert (first["messages"], first["markers"], first["accepted"]) == (2, 4, 2)
    assert audit(lake).passed


def test_a_range_that_ends_in_markers_leaves_no_lag(
    lake: Lake, stream: Stream, real_kafka: KafkaConnection, topic: str
) -> None:
    in_transaction(real_kafka, topic, "kept", event()).commit_transaction(20)
    run(lake, stream)

    assert run(lake, stream) == []


def test_an_open_transaction_is_not_waited_for(
    lake: Lake, stream: Stream, real_kafka: KafkaConnection, topic: str
) -> None:
    publish(real_kafka, topic, event())
    still_open = in_transaction(real_kafka, topic, "open", event(user_id=2))
    publish(real_kafka, topic, event(user_id=3))

    (before,) = run(lake, stream)
    still_open.commit_transaction(20)
    (after,) = run(lake, stream)

    assert (before.outcome.counts["accepted"], after.outcome.counts["accepted"]) == (1, 2)


def test_retention_past_the_cursor_names_the_lost_range(
    lake: Lake, stream: Stream, real_kafka: KafkaConnection, topic: str
) -> None:
    publish(real_kafka, topic, event())
    run(lake, stream)
    publish(real_kafka, topic, *(event(user_id=user) for user in range(9)))
    admin = AdminClient(real_kafka.options())
    admin.delete_records([TopicPartition(topic, 0, 7)])[TopicPartition(topic, 0)].result(20)

    with pytest.raises(OffsetsLostError, match=r"partition 0 \[1, 7\)"):
        run(lake, stream)


def test_a_topic_that_was_created_again_is_another_topic(
    lake: Lake, stream: Stream, real_kafka: KafkaConnection, topic: str
) -> None:
    publish(real_kafka, topic, event())
    run(lake, stream)
    admin = AdminClient(real_kafka.options())
    admin.delete_topics([topic])[topic].result()
    deadline = time.monotonic() + 120
    while topic in admin.list_topics(timeout=5).topics and time.monotonic() < deadline:
        pass
    ensure_topic(real_kafka, events_topic(topic))
    publish(real_kafka, topic, event(), event())

    with pytest.raises(OffsetsLostError, match="deleted and recreated"):
        run(lake, stream)
