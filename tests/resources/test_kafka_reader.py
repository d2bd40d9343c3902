from concurrent.futures import Future
from typing import Any

import polars as pl
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from resources import kafka_reader
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import Chunk, KafkaReader, KafkaUnavailableError
from tests.resources.mock_kafka import MockKafka, MockTopicReader


def read(reader: KafkaReader, start: dict[int, int], end: dict[int, int], rows: int = 1_000) -> list[pl.DataFrame]:
    return [chunk.messages for chunk in reader.read(start, end, rows)]


def test_exactly_the_range_is_read(mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [b"%d" % number for number in range(10)], partition=1)
    reader = MockTopicReader(mock_kafka.connection, topic)

    (messages,) = read(reader, {0: 0, 1: 3}, {0: 0, 1: 7})

    assert messages.select("partition", "offset", "value").rows() == [(1, n, b"%d" % n) for n in range(3, 7)]


def test_chunks_are_bounded_and_say_where_they_end(mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [b"x"] * 25)
    reader = MockTopicReader(mock_kafka.connection, topic)

    chunks = list(reader.read({0: 0, 1: 0}, {0: 25, 1: 0}, 10))

    assert [chunk.messages.height for chunk in chunks] == [10, 10, 5]
    assert [chunk.reached for chunk in chunks] == [{0: 10, 1: 0}, {0: 20, 1: 0}, {0: 25, 1: 0}]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> int:
    """Chunks are full with as many bytes."""
    monkeypatch.setattr(kafka_reader, "CHUNK_BYTES", 5_000)
    return 5_000


def offsets(chunks: list[Chunk]) -> list[int]:
    return [offset for chunk in chunks for offset in chunk.messages["offset"]]


@pytest.mark.usefixtures("small_chunks")
def test_chunks_of_large_messages_are_bounded_by_bytes(mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [b"x" * 999] * 12)
    reader = MockTopicReader(mock_kafka.connection, topic)

    chunks = list(reader.read({0: 0}, {0: 12}, 1_000))

    assert [chunk.bytes for chunk in chunks] == [5_000, 5_000, 2_000]
    assert offsets(chunks) == list(range(12))


def test_small_messages_among_large_ones_do_not_widen_a_chunk(
    mock_kafka: MockKafka, topic: str, small_chunks: int
) -> None:
    mock_kafka.publish(topic, [b"x" * (2_999 if number % 4 == 0 else 9) for number in range(200)])
    reader = MockTopicReader(mock_kafka.connection, topic)

    chunks = list(reader.read({0: 0}, {0: 200}, 1_000))

    assert max(chunk.bytes for chunk in chunks) < 2 * small_chunks
    assert offsets(chunks) == list(range(200))


@pytest.mark.usefixtures("small_chunks")
def test_a_message_that_is_larger_than_a_chunk_is_read(mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [b"x" * 8_999, b"x" * 8_999])
    reader = MockTopicReader(mock_kafka.connection, topic)

    assert [chunk.bytes for chunk in reader.read({0: 0}, {0: 2}, 1_000)] == [9_000, 9_000]


def test_what_follows_is_bounded_by_bytes(mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [b"x" * 999] * 12)
    reader, chunks = MockTopicReader(mock_kafka.connection, topic), list[Chunk]()

    with reader.follow({0: 0}) as following:
        while len(offsets(chunks)) < 12:
            chunks.append(following.read(1_000, 1, room=5_000))

    assert max(chunk.bytes for chunk in chunks) <= 5_000
    assert offsets(chunks) == list(range(12))


def test_a_value_may_be_missing(mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [None, b""])
    reader = MockTopicReader(mock_kafka.connection, topic)

    (messages,) = read(reader, {0: 0}, {0: 2})

    assert messages["value"].to_list()[0] is None
    assert messages.height == 2


def test_a_broker_that_is_down_is_named_with_the_remedy() -> None:
    reader = KafkaReader(KafkaConnection("127.0.0.1:1"), "shop.events", timeout=1)

    with pytest.raises(KafkaUnavailableError, match=r"127\.0\.0\.1:1 did not answer .*salesinsights kafka status"):
        reader.state()


@pytest.mark.parametrize(
    ("stamp", "read_as"),
    [
        (1_700_000_000_123, "2023-11-14T22:13:20.123000+00:00"),
        (1_700_000_000_123_000, "9999-12-31T23:59:59.999000+00:00"),
        (2**62, "9999-12-31T23:59:59.999000+00:00"),
    ],
    ids=["milliseconds", "microseconds", "nonsense"],
)
def test_a_time_that_no_tool_can_show_is_the_latest_that_they_can(
    mock_kafka: MockKafka, topic: str, stamp: int, read_as: str
) -> None:
    producer = Producer(mock_kafka.connection.options())
    producer.produce(topic, b"x", partition=0, timestamp=stamp)
    assert producer.flush(20) == 0

    (messages,) = read(MockTopicReader(mock_kafka.connection, topic), {0: 0}, {0: 1})

    assert messages["kafka_timestamp"][0].isoformat() == read_as


@pytest.mark.parametrize(
    ("times", "code"), [(2, KafkaError.NOT_LEADER_FOR_PARTITION), (1, KafkaError.POLICY_VIOLATION)]
)
def test_a_partition_without_a_leader_is_asked_again(
    mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch, times: int, code: int
) -> None:
    mock_kafka.publish(topic, [b"1"])
    left = [KafkaException(KafkaError(code))] * times

    class Moving:
        def __init__(self, options: Any) -> None:
            self._admin = AdminClient(options)
            self.list_topics = self._admin.list_topics

        def list_offsets(self, asked: Any, **options: Any) -> Any:
            answers = self._admin.list_offsets(asked, **options)
            if not left:
                return answers
            refused = Future[object]()
            refused.set_exception(left.pop())
            return dict.fromkeys(answers, refused)

    monkeypatch.setattr(kafka_reader, "AdminClient", Moving)
    reader = MockTopicReader(mock_kafka.connection, topic)
    if code == KafkaError.NOT_LEADER_FOR_PARTITION:
        assert reader.state().end[0] == 1
        assert not left
    else:
        with pytest.raises(KafkaUnavailableError):
            reader.state()
