from io import BytesIO
from threading import Event
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from salesinsights_dagster.simulator.publisher import Publisher


class Stored:
    """What a delivery report says about a message."""

    def __init__(self, value: bytes, offset: int) -> None:
        self.value, self.offset = lambda: value, lambda: offset
        self.partition, self.timestamp = lambda: 2, lambda: (1, 1_767_268_800_123)


class Queue:
    """A producer whose queue holds `room` messages until it is polled; then they are stored, or fail with `error`."""

    def __init__(self, room: int = 100, error: KafkaError | None = None, answers: bool = True) -> None:
        self.room, self.error, self.answers = room, error, answers
        self.waiting: list[tuple] = []
        self.stored: list[tuple[bytes, bytes]] = []

    def produce(self, topic, value, key, on_delivery):
        if len(self.waiting) >= self.room:
            raise BufferError
        if value == b"refused":
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        self.waiting.append((key, value, on_delivery))

    def poll(self, timeout):
        if not self.answers:
            return
        for key, value, on_delivery in self.waiting:
            if self.error is None:
                self.stored.append((key, value))
            on_delivery(self.error, Stored(value, len(self.stored) - 1))
        self.waiting = []

    def flush(self, timeout):
        self.poll(timeout)
        return len(self.waiting)


def publisher_of(queue: Any, stop: Event, log: BytesIO | None = None) -> Publisher:
    return Publisher(queue, "shop.events", stop, log)


@pytest.fixture
def stop() -> Event:
    return Event()


def test_every_message_is_acknowledged_also_when_the_queue_is_small(stop):
    queue = Queue(room=2)
    publisher = publisher_of(queue, stop)
    publisher([b"1", b"2", b"3", b"4", b"5"], [b"a", b"b", b"c", b"d", b"e"])
    publisher.close()
    assert queue.stored == [(b"1", b"a"), (b"2", b"b"), (b"3", b"c"), (b"4", b"d"), (b"5", b"e")]
    assert (publisher.acknowledged, publisher.failed, publisher.unanswered, publisher.unsent) == (5, 0, 0, 0)


def test_the_log_has_a_line_per_acknowledged_message(stop):
    log = BytesIO()
    publisher = publisher_of(Queue(), stop, log)
    publisher([b"1", b"1"], [b'{"a":1}', b'{"a":2}'])
    assert log.getvalue() == b'2\t0\t1767268800123\t{"a":1}\n2\t1\t1767268800123\t{"a":2}\n'


def test_failures_are_counted_and_not_logged(stop):
    log = BytesIO()
    publisher = publisher_of(Queue(error=KafkaError(KafkaError._MSG_TIMED_OUT)), stop, log)
    publisher([b"1", b"2"], [b"a", b"b"])
    assert (publisher.acknowledged, publisher.failed) == (0, 2)
    assert publisher.first_error
    assert log.getvalue() == b""
    assert not stop.is_set()


def test_a_message_that_the_producer_refuses_is_a_failure(stop):
    publisher = publisher_of(Queue(), stop)
    publisher([b"1", b"2"], [b"refused", b"a"])
    assert (publisher.acknowledged, publisher.failed) == (1, 1)


def test_a_fatal_error_stops_the_shop(stop):
    publisher = publisher_of(Queue(error=KafkaError(KafkaError._FATAL, "fenced", fatal=True)), stop)
    publisher([b"1"], [b"a"])
    assert stop.is_set()


def test_a_stop_is_not_held_up_by_a_full_queue(stop):
    publisher = publisher_of(Queue(room=1, answers=False), stop)
    stop.set()
    publisher([b"1", b"2", b"3"], [b"a", b"b", b"c"])
    publisher.close()
    assert (publisher.acknowledged, publisher.unanswered, publisher.unsent) == (0, 1, 2)
