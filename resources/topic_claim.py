"""Who writes to a topic: a claim that programs which do not know each other leave in Kafka.

It is the metadata of an offset that a consumer group of the topic's name has committed: it needs no topic of its own.
Kafka forgets it with the topic, or when it has not been renewed for the retention of offsets (a week by default).
Add here: how a claim is kept. Not here: who may write (`assets.serving.table_topic`), or the writing (`kafka_writer`).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from resources.kafka_connection import KafkaConnection

_MOVING = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
}
"""What Kafka answers while it makes or moves its topic of offsets; librdkafka passes it on."""


@dataclass(frozen=True)
class Claim:
    """`holder` writes to a topic, and last said so `at` this moment; `note` is one line about what the topic holds.

    It is committed with the messages that make it true, so it is true whatever became of their writer.
    """

    holder: str
    at: datetime
    note: str = ""

    @property
    def text(self) -> str:
        return f"{self.at.isoformat()} {self.holder}" + (f"\n{self.note}" if self.note else "")


def read_claim(connection: KafkaConnection, topic: str, timeout: float = 10) -> Claim | None:
    """The claim on the topic; None if nobody has claimed it. Raises KafkaException."""
    deadline = time.monotonic() + timeout
    with _group(connection, topic) as consumer:
        while True:
            try:
                return _committed(consumer, topic, timeout)
            except KafkaException as error:
                if error.args[0].code() not in _MOVING or time.monotonic() > deadline:
                    raise
            time.sleep(0.1)


def _committed(consumer: Consumer, topic: str, timeout: float) -> Claim | None:
    [place] = consumer.committed([TopicPartition(topic, 0)], timeout=timeout)
    if place.error is not None:
        raise KafkaException(place.error)
    return _claim_of(place.metadata or "")


def commit_claim(connection: KafkaConnection, topic: str, claim: Claim, producer: Producer, timeout: float) -> None:
    """Make the claim a part of the producer's open transaction: a producer that was fenced off claims nothing."""
    with _group(connection, topic) as consumer:
        # At its end the partition shows no lag, which somebody may watch.
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=timeout)
        place = TopicPartition(topic, 0, end, metadata=claim.text)
        producer.send_offsets_to_transaction([place], consumer.consumer_group_metadata(), timeout)


@contextmanager
def _group(connection: KafkaConnection, topic: str) -> Iterator[Consumer]:
    # A reader of committed offsets would wait for a transaction that a killed writer left open.
    options = connection.options(
        group_id=f"salesinsights.publisher.{topic}", enable_auto_commit=False, isolation_level="read_uncommitted"
    )
    consumer = Consumer(options)
    try:
        yield consumer
    finally:
        consumer.close()


def _claim_of(text: str) -> Claim | None:
    said, _, note = text.partition("\n")
    at, _, holder = said.partition(" ")
    try:
        return Claim(holder, datetime.fromisoformat(at), note)
    except ValueError:
        return None  # Nothing, or what another program has written there.
