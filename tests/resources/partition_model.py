"""A model of a partition's log, and of how librdkafka hands it out: what a range holds, and any legal order of calls.

Add here: what a log may hold. Not here: a test.
"""

from dataclasses import dataclass
from typing import NamedTuple

from confluent_kafka import KafkaError
from hypothesis import strategies as st

COMMITTED, MARKER, ABORTED = "committed", "marker", "aborted"


@dataclass(frozen=True)
class Handed:
    """What `consume()` hands out: a message, or the event that its partition ends at `at`."""

    place: int
    at: int
    is_end: bool = False

    def error(self) -> KafkaError | None:
        return KafkaError(KafkaError._PARTITION_EOF) if self.is_end else None

    def partition(self) -> int:
        return self.place

    def offset(self) -> int:
        return self.at

    def timestamp(self) -> tuple[int, int]:
        return 1, self.at

    def key(self) -> bytes:
        return b"key"

    def value(self) -> bytes:
        return b"%d/%d" % (self.place, self.at)


class Story(NamedTuple):
    """The ranges [start, end) to read, the messages that they hold, and the calls that hand them out."""

    start: dict[int, int]
    end: dict[int, int]
    messages: set[tuple[int, int]]
    calls: list[list[Handed]]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Some partitions, each read from anywhere to the end it had, while more may have arrived after it."""
    logs = draw(st.lists(st.lists(st.sampled_from([COMMITTED, MARKER, ABORTED]), max_size=12), min_size=1, max_size=3))
    start = {place: draw(st.integers(0, len(log))) for place, log in enumerate(logs)}
    end = {place: draw(st.integers(start[place], len(log))) for place, log in enumerate(logs)}
    queues = {place: _handed(place, log, start[place], draw) for place, log in enumerate(logs)}
    held = {(one.place, one.at) for queue in queues.values() for one in queue if not one.is_end}
    inside = {(place, at) for place, at in held if start[place] <= at < end[place]}
    return Story(start, end, inside, _cut(_interleaved(queues, draw), draw))


def _handed(place: int, log: list[str], first: int, draw: st.DrawFn) -> list[Handed]:
    """The partition's messages in order, with end events: some for ends of a moment, and one at the very end."""
    queue: list[Handed] = []
    for at in range(first, len(log)):
        if draw(st.booleans()):
            queue.append(Handed(place, at, is_end=True))
        if log[at] == COMMITTED:
            queue.append(Handed(place, at))
    return [*queue, Handed(place, len(log), is_end=True)]


def _interleaved(queues: dict[int, list[Handed]], draw: st.DrawFn) -> list[Handed]:
    """An order of all messages that keeps the order within each partition."""
    turns = draw(st.permutations([place for place, queue in queues.items() for _ in queue]))
    left = {place: iter(queue) for place, queue in queues.items()}
    return [next(left[place]) for place in turns]


def _cut(handed: list[Handed], draw: st.DrawFn) -> list[list[Handed]]:
    """The messages cut into calls; some calls time out with nothing."""
    calls: list[list[Handed]] = [[]]
    for one in handed:
        calls[-1].append(one)
        calls.extend([] for _ in range(draw(st.integers(0, 2))))
    return calls
