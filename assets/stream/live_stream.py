"""A pass that stays: it waits for messages at the topic's end, and commits a purchase within seconds.

A commit costs about the same for one event as for a thousand, so commits keep their distance: the first purchase after
a quiet spell is committed at once, the next one COMMIT_SECONDS later. Exactly-once does not depend on any of this: a
batch goes through the layers as in `micro_batch`, and a pass that fails begins again at the lake's own offsets.

Add here: when messages are committed. Not here: what is done with a batch (`micro_batch`), or how long a run lives
(`stream_assets`).
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import polars as pl

from assets.bronze.avro_schemas import schemas_of
from assets.bronze.bronze import next_offsets
from assets.events.avro_decoder import Schemas
from assets.stream.day_tables import DayTables
from assets.stream.micro_batch import STREAM_TABLES, Layers, Now, Receipt, Stages, micro_batches, parsed, process
from assets.tables import BRONZE_EVENTS, PRODUCT_SALES
from resources.kafka_reader import CHUNK_BYTES, MESSAGES, Chunk, KafkaReader, TopicState
from resources.lake import OpenTables

COMMIT_SECONDS = 2.5
"""The least distance of two commits. On average a payment waits half of it; half as much costs twice the CPU."""

OTHERS_SECONDS = 5.0
"""For so long events wait that are no purchases, and offsets that hold no message."""

WAIT_SECONDS = 0.5
"""The longest wait in one step: so often a run can ask whether it is to end."""

FEW_ROWS = 1_000
"""Few messages are read once more when they are due, and not every half second: what a read costs is mostly its own."""

REFRESH_SECONDS = 30.0
"""How often the tables are reloaded, to see what others have changed."""

AT_ONCE = (PRODUCT_SALES,)
"""The tables of gold that each commit updates; `day_tables` follow."""

DAYS_SECONDS = 10.0
"""How often the tables of gold with a row per day are updated."""

_HINT = b"purchase"
"""Bytes that each purchase holds, in JSON and in Avro. Another event that holds them is only committed earlier."""


class TopicChangedError(RuntimeError):
    """The topic has other partitions than at the start of the pass: the pass has to begin again."""


@dataclass
class _Waiting:
    """Messages that have come and are not committed yet, and the offsets after them."""

    since: float
    reached: Mapping[int, int]
    messages: list[pl.DataFrame] = field(default_factory=list)
    rows: int = 0
    bytes: int = 0
    has_purchase: bool = False
    stages: Stages = field(default_factory=Stages)


class LiveStream:
    """The topic from where the lake has read it, message by message as they come.

    `elapsed` and `sleep` are the seconds of a clock that only goes forward, and the wait for them to pass.
    """

    def __init__(
        self,
        tables: OpenTables,
        reader: KafkaReader,
        now: Now,
        batch_rows: int,
        window_seconds: int,
        elapsed: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.tables = tables
        self._reader, self._now, self._batch_rows, self._window_seconds = reader, now, batch_rows, window_seconds
        self._elapsed, self._sleep = elapsed, sleep
        self._layers = Layers(tables, now, window_seconds)
        self._waiting: _Waiting | None = None
        self._heard_at = self._refreshed_at = elapsed()
        self._committed_at = self._heard_at - OTHERS_SECONDS
        self._days = DayTables(tables, window_seconds)
        self._days_at, self._days_are_behind = self._heard_at, False

    @property
    def quiet_seconds(self) -> float:
        """Since the last message came."""
        return self._elapsed() - self._heard_at

    def backlog(self) -> Iterator[Receipt]:
        """Process what Kafka holds now, as fast as possible. Raises like `micro_batches`."""
        for receipt in micro_batches(self.tables, self._reader, self._now, self._batch_rows, self._window_seconds):
            self._heard_at = self._elapsed()
            yield receipt

    @contextmanager
    def at_the_end(self) -> Iterator[None]:
        """Follow the topic, for `step`. Raises like `KafkaReader.state` and `next_offsets`."""
        self._waiting, self._state = None, self._reader.state()
        self._read_to: Mapping[int, int] = self._start(self._state)
        self._reload()
        with self._reader.follow(self._read_to) as self._following:
            yield

    def step(self, wait: float = WAIT_SECONDS) -> Receipt | None:
        """Read what has come, waiting at most so long for it, and commit if that is due.

        Raises ProgressMovedError if another process has committed, FencedOffError if a user is being forgotten,
        OffsetsLostError if messages are gone, TopicChangedError if partitions were added, and KafkaException for what
        Kafka answers. What was read and not committed is then dropped: `at_the_end` reads it again.
        """
        if self._waiting is None and self._elapsed() - self._refreshed_at >= REFRESH_SECONDS:
            self.tables.refresh(STREAM_TABLES)
            self._reload()
        self._take(wait)
        receipt = self._commit(self._waiting) if self._waiting and self._due_in(self._waiting) <= 0 else None
        if self._days_are_behind and self._elapsed() - self._days_at >= DAYS_SECONDS and self._days.begin():
            self._days_at, self._days_are_behind = self._elapsed(), False
        return receipt

    def catch_up(self) -> None:
        """Wait until all tables of gold cover the newest batch. Raises like `step`."""
        self._days.finish()
        self._days_at, self._days_are_behind = self._elapsed(), False

    def _reload(self) -> None:
        self._schemas: Schemas = schemas_of(self.tables.table(BRONZE_EVENTS))
        self._refreshed_at = self._elapsed()

    def _start(self, state: TopicState) -> dict[int, int]:
        return next_offsets(self.tables.table(BRONZE_EVENTS), self._reader.topic, state)

    def _take(self, wait: float) -> None:
        """Read what has come. While messages wait, more may come until they are due."""
        waiting = self._waiting
        if waiting:
            self._sleep(min(wait, max(self._due_in(waiting), 0)))
            # Another purchase changes nothing before they are due, and many messages would not fit into one read.
            if waiting.has_purchase and waiting.rows < FEW_ROWS and self._due_in(waiting) > 0:
                return
        rows, held = (waiting.rows, waiting.bytes) if waiting else (0, 0)
        chunk = self._following.read(self._batch_rows - rows, 0 if waiting else wait, CHUNK_BYTES - held)
        if chunk.reached == (waiting.reached if waiting else self._read_to):
            return
        waiting = self._waiting = waiting or _Waiting(self._elapsed(), chunk.reached)
        waiting.reached = chunk.reached
        if chunk.messages.height:
            self._heard_at = self._elapsed()
            waiting.rows += chunk.messages.height
            waiting.bytes += chunk.bytes
            waiting.messages.append(chunk.messages)
            waiting.has_purchase |= bool(chunk.messages["value"].bin.contains(_HINT).any())

    def _due_in(self, waiting: _Waiting) -> float:
        """Seconds until these messages are to be committed."""
        if self._is_full(waiting):
            return 0.0
        at = self._committed_at + COMMIT_SECONDS if waiting.has_purchase else waiting.since + OTHERS_SECONDS
        return at - self._elapsed()

    def _is_full(self, waiting: _Waiting) -> bool:
        # Half of what a batch may hold: the next message may not fit into a smaller rest.
        return waiting.rows >= self._batch_rows or waiting.bytes >= CHUNK_BYTES // 2

    def _commit(self, waiting: _Waiting) -> Receipt:
        self._waiting, self._committed_at = None, self._elapsed()
        state = self._reader.state()
        if self._start(state) != self._read_to:
            raise TopicChangedError(f"topic {self._reader.topic} has {len(state.end)} partitions now")
        self._state = state
        chunk = Chunk(pl.concat([MESSAGES.to_frame(), *waiting.messages]), waiting.reached)
        ready = parsed(chunk, self._schemas, self._reader.registry, waiting.stages)
        self._schemas, self._read_to = ready.schemas, waiting.reached
        self._days_are_behind = True
        return process(
            self.tables,
            self._reader.topic,
            state,
            ready,
            self._layers,
            self._now,
            is_last=not self._is_full(waiting),
            gold=AT_ONCE,
        )
