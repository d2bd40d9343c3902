"""Publishes events to Kafka, and counts the outcome of each.

Add here: what the simulated shop's producer does and counts.
Not here: the cluster's address and security (`resources.kafka_connection`), pacing (`live`).
"""

from threading import Event
from typing import BinaryIO

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from resources.kafka_connection import KafkaConnection

FULL_QUEUE_WAIT_SECONDS = 0.2
FLUSH_SECONDS = 15.0


def open_producer(kafka: KafkaConnection) -> Producer:
    """A producer whose own retries write nothing twice; Kafka answers once all in-sync brokers have the event."""
    return Producer(kafka.options(enable_idempotence=True, acks="all", linger_ms=20))


class Publisher:
    """Publishes messages to one topic; every message is counted in exactly one of the counters.

    `acknowledged` are stored for sure; `failed` and `unanswered` may be stored or not; `unsent` were never handed
    over, because a stop came while the queue was full. If `log` is given, each acknowledged event is a line in
    it: partition, offset, timestamp in milliseconds and value, separated by tabs.
    """

    def __init__(self, producer: Producer, topic: str, stop: Event, log: BinaryIO | None = None) -> None:
        self.acknowledged = self.failed = self.unanswered = self.unsent = 0
        self.first_error: str | None = None
        self._producer, self._topic, self._stop, self._log = producer, topic, stop, log

    def __call__(self, keys: list[bytes], values: list[bytes]) -> None:
        """Hand over one message per key and value; waits while the producer's queue is full."""
        for key, value in zip(keys, values, strict=True):
            self._send(key, value)
        self._producer.poll(0)
        if self._log:
            self._log.flush()

    def close(self) -> None:
        """Wait for outstanding answers, FLUSH_SECONDS at most."""
        self.unanswered = self._producer.flush(FLUSH_SECONDS)
        if self._log:
            self._log.flush()

    def _send(self, key: bytes, value: bytes) -> None:
        while not self._taken(key, value):
            if self._stop.is_set():
                self.unsent += 1
                break
            self._producer.poll(FULL_QUEUE_WAIT_SECONDS)

    def _taken(self, key: bytes, value: bytes) -> bool:
        """False if the queue is full; a message that the producer refuses counts as taken, and as failed."""
        try:
            self._producer.produce(self._topic, value, key, on_delivery=self._delivered)
        except BufferError:
            return False
        except KafkaException as error:
            self._count_failure(error.args[0])
        return True

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._count_failure(error)
            return
        self.acknowledged += 1
        if self._log:
            place = f"{message.partition()}\t{message.offset()}\t{message.timestamp()[1]}\t"
            self._log.write(place.encode() + (message.value() or b"") + b"\n")

    def _count_failure(self, error: KafkaError) -> None:
        self.failed += 1
        self.first_error = self.first_error or error.str()
        if error.fatal():  # the producer accepts nothing from here on
            self._stop.set()
