"""A topic in memory, with transactions, and a consumer that hands it out as librdkafka would.

The in-process broker of librdkafka knows no transaction markers, and hands messages out when it likes; here a story
gives the same calls each time.
Add here: what a broker may do to a topic. Not here: how it is read (`resources.kafka_reader`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException, TopicPartition

MARKER = "marker"


@dataclass
class Record:
    """A message, or a marker, at its place. `is_decided` is false while its transaction is open."""

    place: int
    at: int
    milliseconds: int = 0
    content: bytes | None = None
    is_message: bool = True
    is_decided: bool = True

    def error(self) -> KafkaError | None:
        return None

    def partition(self) -> int:
        return self.place

    def offset(self) -> int:
        return self.at

    def timestamp(self) -> tuple[int, int]:
        return 1, self.milliseconds

    def key(self) -> bytes:
        return b"1"

    def value(self) -> bytes | None:
        return self.content


@dataclass(frozen=True)
class End:
    """The event that a partition ends at an offset, or that Kafka has no such offset any more."""

    place: int
    at: int
    code: int = KafkaError._PARTITION_EOF

    def error(self) -> KafkaError:
        return KafkaError(self.code)

    def partition(self) -> int:
        return self.place

    def offset(self) -> int:
        return self.at


@dataclass
class Topic:
    """The log of each partition, of which `partitions` exist; `first` is the first offset that Kafka still has."""

    id: str
    partitions: int
    logs: dict[int, list[Record]] = field(default_factory=dict)
    first: dict[int, int] = field(default_factory=dict)

    def append(self, partition: int, value: bytes, milliseconds: int, *, is_decided: bool) -> Record:
        """Add a message; one whose transaction is not decided yet holds up those after it."""
        log = self.logs.setdefault(partition, [])
        log.append(Record(partition, len(log), milliseconds, value, is_decided=is_decided))
        return log[-1]

    def decide(self, records: list[Record], *, commits: bool) -> None:
        """End the transaction of these records, with a marker in each of their partitions."""
        for record in records:
            record.is_decided, record.is_message = True, commits
        for partition in sorted({record.place for record in records}):
            log = self.logs[partition]
            log.append(Record(partition, len(log), is_message=False))

    def start(self, partition: int) -> int:
        return self.first.get(partition, 0)

    def end(self, partition: int) -> int:
        """The last stable offset."""
        log = self.logs.get(partition, [])
        return next((record.at for record in log if not record.is_decided), len(log))

    def ends(self) -> Mapping[int, int]:
        return {partition: self.end(partition) for partition in range(self.partitions)}


class TopicConsumer:
    """Stands for librdkafka's consumer of one topic."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._at = dict[int, int]()
        self._told = dict[int, int]()

    def assign(self, places: list[TopicPartition]) -> None:
        self._at = {place.partition: place.offset for place in places}

    def incremental_unassign(self, places: list[TopicPartition]) -> None:
        for place in places:
            self._at.pop(place.partition, None)

    def consume(self, most: int, timeout: float) -> list[Record | End]:
        """What is there; the end of a partition is told once. Nobody waits."""
        handed = list[Record | End]()
        for partition in list(self._at):
            for one in self._of(partition):
                if len(handed) == most:
                    return handed
                handed.append(one)
                self._at[partition] = one.at if isinstance(one, End) else one.at + 1
        return handed

    def _of(self, partition: int) -> Iterator[Record | End]:
        at, end = self._at[partition], self._topic.end(partition)
        if at < self._topic.start(partition):
            # As librdkafka answers with `auto.offset.reset=error`.
            raise KafkaException(KafkaError(KafkaError._AUTO_OFFSET_RESET))
        yield from (record for record in self._topic.logs.get(partition, [])[at:end] if record.is_message)
        if self._told.get(partition) != end:
            yield End(partition, end)
            self._told[partition] = end

    def close(self) -> None:
        self._at = {}
