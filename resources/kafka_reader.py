"""Reads exact ranges of offsets from one topic.

A range is fixed before it is read, and is read to its end even if more messages arrive. Nothing is committed to Kafka
and nothing is skipped: an offset that Kafka no longer has raises an error.

Add here: what a reader must know about a topic. Not here: where a range starts (`assets.bronze.bronze`).
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self, cast

import polars as pl
from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from resources.foreseen_error import ForeseenError
from resources.garbage import collector_paused
from resources.kafka_connection import KafkaConnection, Option
from resources.schema_registry import SchemaRegistry

MESSAGES = pl.Schema(
    {
        "partition": pl.Int32(),
        "offset": pl.Int64(),
        "kafka_timestamp": pl.Datetime("us", "UTC"),
        "key": pl.Binary(),
        "value": pl.Binary(),
    }
)

_RAW = pl.Schema({**MESSAGES, "kafka_timestamp": pl.Int64()})
"""Messages as they are read; kafka_timestamp in milliseconds."""

_BYTES = pl.sum_horizontal(pl.col("key", "value").bin.size().cast(pl.Int64))
"""Of a message's key and value."""

LATEST_MILLISECONDS = 253_402_300_799_999
"""The end of the year 9999. A producer may set any 64 bits, such as microseconds; no tool shows a later time."""

CHUNK_BYTES = 64 * 2**20
"""A chunk is full with so many bytes of keys and values, however few messages they are: about 200,000 usual events."""

_AT_ONCE = 10_000
"""Messages that are taken from librdkafka in one call."""

_LARGE = 2**16
"""Bytes. As large as this the next message may be, for all that is known before the first one."""

_ENDLESS = 2**62
"""An offset that no partition reaches."""

_LEADERLESS = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
}
"""What Kafka answers for a moment after a topic was created, or while a broker hands its partitions over."""

_LONGEST_WAIT = 0.05
"""Seconds. A range that ends in transaction markers has fewer messages than asked for: this wait is then wasted."""


class KafkaUnavailableError(ForeseenError):
    """Kafka did not answer; the message names the address and the remedy."""


class TopicMissingError(ForeseenError):
    """The topic does not exist (yet)."""


@dataclass(frozen=True)
class TopicState:
    """A topic now: its id (a recreated topic has a new one), and the first offset and the end of each partition.

    The end is the last stable offset: no open transaction lies below it, so a range up to it can be read completely.
    """

    topic_id: str
    start: Mapping[int, int]
    end: Mapping[int, int]


@dataclass(frozen=True)
class Chunk:
    """Messages read in one go, and for each partition the next offset to read."""

    messages: pl.DataFrame
    reached: Mapping[int, int]

    @property
    def bytes(self) -> int:
        """The bytes of the keys and values."""
        return int(self.messages.select(_BYTES.sum()).item())


class KafkaReader:
    """Reads one topic. `timeout` is how many seconds Kafka may be silent before an error is raised.

    `registry` has the schemas of the topic's values if they are in Avro.
    """

    def __init__(
        self, connection: KafkaConnection, topic: str, timeout: float = 30, registry: SchemaRegistry | None = None
    ) -> None:
        self.topic = topic
        self.registry = registry
        self._connection = connection
        self._timeout = timeout

    def of(self, topic: str) -> Self:
        """A reader of another topic of the same cluster."""
        return type(self)(self._connection, topic, self._timeout, self.registry)

    def state(self) -> TopicState:
        """Raises KafkaUnavailableError, TopicMissingError."""
        admin = AdminClient(self._connection.options())
        topic_id, partitions = self._describe(admin)
        return TopicState(
            topic_id,
            self._offsets(admin, partitions, OffsetSpec.earliest()),
            self._offsets(admin, partitions, OffsetSpec.latest()),
        )

    def undecided(self) -> int:
        """How many offsets lie past an open transaction, where a reader of committed messages can't read yet."""
        admin = AdminClient(self._connection.options())
        _, partitions = self._describe(admin)
        decided = self._offsets(admin, partitions, OffsetSpec.latest())
        written = self._offsets(admin, partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)
        return sum(written[partition] - decided[partition] for partition in partitions)

    def read(self, start: Mapping[int, int], end: Mapping[int, int], rows: int) -> Iterator[Chunk]:
        """Read [start, end) of each partition, in chunks of at most `rows` messages, in order within a partition.

        A chunk ends early once its messages have CHUNK_BYTES. Raises KafkaUnavailableError if Kafka stays silent,
        KafkaException if it answers with an error.
        """
        consumer = Consumer(self._consumer_options())
        try:
            reading = _Reading(start, end)
            consumer.assign([TopicPartition(self.topic, partition, start[partition]) for partition in reading.open])
            while reading.open:
                yield self._read_chunk(consumer, reading, rows)
        finally:
            consumer.close()

    @contextmanager
    def follow(self, start: Mapping[int, int]) -> Iterator["Following"]:
        """Read on from these offsets, with one consumer: a message is there as soon as Kafka has it.

        Raises KafkaException for what Kafka answers; while it is silent, nothing comes.
        """
        # An idle topic is asked twice a second, and not fifty times: it answers at once where there is something.
        consumer = Consumer({**self._consumer_options(), "fetch.wait.max.ms": 500})
        try:
            consumer.assign([TopicPartition(self.topic, partition, offset) for partition, offset in start.items()])
            yield Following(consumer, start)
        finally:
            consumer.close()

    def _read_chunk(self, consumer: Consumer, reading: "_Reading", rows: int) -> Chunk:
        deadline = time.monotonic() + self._timeout
        while reading.open and reading.waiting < rows and reading.bytes < CHUNK_BYTES:
            most = min(rows - reading.waiting, reading.left)
            # Ten thousand messages live for some milliseconds: to look for garbage among them took a third of the
            # reading's CPU.
            with collector_paused():
                messages = consumer.consume(reading.fitting(most, CHUNK_BYTES), timeout=_LONGEST_WAIT)
                is_silent, done = not messages, reading.take(messages)
                del messages
            if not is_silent:
                deadline = time.monotonic() + self._timeout
            elif time.monotonic() > deadline:
                raise self._silent("no message came")
            for partition in done:
                consumer.incremental_unassign([TopicPartition(self.topic, partition)])
        return reading.chunk()

    def _consumer_options(self) -> dict[str, Option]:
        return self._connection.options(
            group_id="salesinsights",
            enable_auto_commit=False,
            enable_auto_offset_store=False,
            auto_offset_reset="error",
            isolation_level="read_committed",
            enable_partition_eof=True,
            queued_max_messages_kbytes=65_536,
            queued_min_messages=200_000,
            # By default a full queue would pause fetching for a whole second.
            fetch_queue_backoff_ms=10,
            max_partition_fetch_bytes=4_194_304,
            fetch_max_bytes=16_777_216,
            # If only markers are left in a range, the broker reports it after a fetch has waited this long.
            fetch_wait_max_ms=20,
        )

    def _describe(self, admin: AdminClient) -> tuple[str, list[int]]:
        described = admin.describe_topics(TopicCollection([self.topic]), request_timeout=self._timeout)
        try:
            found = described[self.topic].result()
        except KafkaException as error:
            raise self._named(error) from error
        return str(found.topic_id), [partition.id for partition in found.partitions]

    def _offsets(
        self,
        admin: AdminClient,
        partitions: list[int],
        spec: OffsetSpec,
        isolation: IsolationLevel = IsolationLevel.READ_COMMITTED,
    ) -> dict[int, int]:
        asked = {TopicPartition(self.topic, partition): spec for partition in partitions}
        deadline = time.monotonic() + self._timeout
        while True:
            answers = admin.list_offsets(asked, isolation_level=isolation, request_timeout=self._timeout)
            try:
                return {place.partition: answer.result().offset for place, answer in answers.items()}
            except KafkaException as error:
                if error.args[0].code() not in _LEADERLESS or time.monotonic() > deadline:
                    raise self._named(error) from error
            time.sleep(0.1)

    def _named(self, error: KafkaException) -> Exception:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return TopicMissingError(f"topic {self.topic} does not exist: create it, or set SALESINSIGHTS_TOPIC")
        return self._silent(error.args[0].str())

    def _silent(self, fact: str) -> KafkaUnavailableError:
        address = self._connection.bootstrap_servers
        return KafkaUnavailableError(
            f"Kafka at {address} did not answer ({fact}): check that it runs (salesinsights kafka status) and "
            "KAFKA_BOOTSTRAP_SERVERS"
        )


class Following:
    """A topic that is read on and on, from given offsets."""

    def __init__(self, consumer: Consumer, start: Mapping[int, int]) -> None:
        self._consumer = consumer
        self._reading = _Reading(start, dict.fromkeys(start, _ENDLESS))

    def read(self, rows: int, seconds: float, room: int = CHUNK_BYTES) -> Chunk:
        """At most `rows` messages that have come; waits at most so many seconds for the first. There may be none.

        Fewer if they have more than `room` bytes, as far as the sizes of the last ones tell. Raises KafkaException for
        what Kafka answers.
        """
        first = self._consumer.consume(1, timeout=seconds)
        if not first:
            return Chunk(MESSAGES.to_frame(), self._reading.reached)
        others: list[Message] = []
        if rows > 1:
            # Asked for more than there are, `consume` would wait for the others.
            seen = 0 if first[0].error() else len(first[0].value() or b"")
            fitting = self._reading.fitting(rows - 1, room, seen)
            others = self._consumer.consume(fitting, timeout=0)
        self._reading.take(first + others)
        return self._reading.chunk()


class _Reading:
    """What has been read from a set of ranges and not been handed out yet."""

    def __init__(self, start: Mapping[int, int], end: Mapping[int, int]) -> None:
        self.open = {partition for partition in end if start[partition] < end[partition]}
        self.waiting = self.bytes = 0
        """Messages that were not handed out yet, and the bytes of their keys and values."""
        self._largest = _LARGE
        self._reached = dict(start)
        self._end = end
        self._frames: list[pl.DataFrame] = []

    @property
    def left(self) -> int:
        """Offsets still to read: at least as many as messages."""
        return sum(self._end[partition] - self._reached[partition] for partition in self.open)

    def fitting(self, rows: int, room: int, seen: int = 0) -> int:
        """How many messages to ask for, at most `rows`: they fit if none is larger than those of the last calls.

        Nor than one that was `seen` since, which takes so many bytes.
        """
        return max(1, min(rows, _AT_ONCE, (room - self.bytes - seen) // max(self._largest, seen)))

    def take(self, messages: list[Message]) -> list[int]:
        """Keep the messages that are inside their range; return the partitions whose range is now read.

        Within a partition, messages and the event that marks its end come in order; across partitions in any order.
        """
        events = [message for message in messages if message.error() is None]
        if len(events) < len(messages):
            for message in messages:
                self._note_end(message)
        partitions, offsets = [event.partition() for event in events], [event.offset() for event in events]
        # The dict keeps the last offset of each partition: its newest.
        newest = cast("dict[int, int]", dict(zip(partitions, offsets, strict=True)))
        for partition, offset in newest.items():
            self._move(partition, offset + 1)
        is_inside = all(offset < self._end.get(partition, 0) for partition, offset in newest.items())
        self._keep(_frame(events, partitions, offsets), is_inside=is_inside)
        done = [partition for partition in self.open if self._reached[partition] >= self._end[partition]]
        self.open.difference_update(done)
        return done

    @property
    def reached(self) -> dict[int, int]:
        """The next offset to read, per partition."""
        return dict(self._reached)

    def chunk(self) -> Chunk:
        messages = pl.concat([_RAW.to_frame(), *self._frames])
        self._frames, self.waiting, self.bytes = [], 0, 0
        within = pl.col("kafka_timestamp").clip(0, LATEST_MILLISECONDS)
        milliseconds = pl.from_epoch(within, time_unit="ms").dt.replace_time_zone("UTC")
        return Chunk(messages.with_columns(milliseconds).cast(MESSAGES).rechunk(), self.reached)

    def _note_end(self, message: Message) -> None:
        error = message.error()
        if error is None:
            return
        if error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        # The end of the partition lies past transaction markers, which yield no message.
        self._move(*cast("tuple[int, int]", (message.partition(), message.offset())))

    def _move(self, partition: int, offset: int) -> None:
        """Note that everything below this offset is read. If a later one is known already, keep that."""
        self._reached[partition] = min(max(self._reached[partition], offset), self._end[partition])

    def _keep(self, frame: pl.DataFrame, *, is_inside: bool) -> None:
        within = pl.col("offset") < pl.col("partition").replace_strict(self._end, default=0)
        inside = frame if is_inside else frame.filter(within)
        self._frames.append(inside)
        if inside.height:
            ((total, largest),) = inside.select(total=_BYTES.sum(), largest=_BYTES.max()).iter_rows()
            self.waiting += inside.height
            self.bytes += total
            self._largest = max(largest, self._largest // 2, 1)


def _frame(messages: list[Message], partitions: Sequence[int | None], offsets: Sequence[int | None]) -> pl.DataFrame:
    columns = {
        "partition": partitions,
        "offset": offsets,
        "kafka_timestamp": [message.timestamp()[1] for message in messages],
        "key": [message.key() for message in messages],
        "value": [message.value() for message in messages],
    }
    return pl.DataFrame([pl.Series(name, values, _RAW[name]) for name, values in columns.items()])
