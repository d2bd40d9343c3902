"""One pass of the stream: what Kafka holds now, through bronze, silver and gold.

Each layer starts by asking its own table how far it is, so that a pass after a kill just goes on. Used alike by the
Dagster run, the command line and the benchmarks. Add here: the order of the layers. Not here: what a layer does.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl
from confluent_kafka import KafkaException

from assets.bronze.avro_schemas import keep_schemas, schemas_of
from assets.bronze.bronze import Batch, commit_batch, next_offsets
from assets.events.avro_decoder import Schemas, new_schemas
from assets.events.message_parser import parse_events
from assets.gold.gold import advance_gold
from assets.gold.recounted_days import is_recount_due, mark_recounted
from assets.gold.unfinished_days import finish_days
from assets.progress.rebuild_marks import unfinished_days
from assets.silver.purchases import advance_purchases
from assets.silver.silver import Outcome, advance_silver, unfinished_batch
from assets.tables import BRONZE_EVENTS, DAILY, FORGOTTEN_USERS, REFINED
from resources.kafka_reader import Chunk, KafkaReader, KafkaUnavailableError, TopicState
from resources.lake import Lake, OpenTables
from resources.lake_errors import FencedOffError, again_on_conflict
from resources.prefetch import prefetched
from resources.schema_registry import SchemaRegistry
from resources.table_layout import TableLayout

Now = Callable[[], datetime]

GOLD_WAITS = timedelta(seconds=15)
"""How long gold may stay behind while a backlog is read: it follows many batches at the price of one."""


@dataclass(frozen=True)
class Receipt:
    """What one micro-batch did.

    `latency` holds the seconds from Kafka append to gold of each purchase that gold has with this batch: its own, and
    those of the batches before it that gold waited for. Gold may wait in turn; then it is empty.
    """

    outcome: Outcome
    latency: pl.Series
    seconds: dict[str, float]

    @property
    def batch(self) -> Batch:
        return self.outcome.batch

    @property
    def line(self) -> str:
        """The batch in one line, for a log."""
        outcome, seconds = self.outcome, sum(self.seconds.values())
        return (
            f"batch {self.batch.number}: {self.batch.events.height} messages, {outcome.accepted.height} accepted, "
            f"{outcome.quarantined.height} quarantined, {outcome.duplicates.height} duplicates, {seconds:.2f} s"
        )


@dataclass
class Stages:
    """Seconds spent in each stage of one micro-batch."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - begun


STREAM_TABLES = (BRONZE_EVENTS, *REFINED, FORGOTTEN_USERS)
"""What a pass reads and writes, in loading order. Bronze comes first: if another run commits to it after that, this run
is refused at its own commit."""


def open_stream(lake: Lake) -> OpenTables:
    """The tables of a pass."""
    return OpenTables(lake, STREAM_TABLES)


def micro_batches(
    tables: OpenTables, reader: KafkaReader, clock: Now, batch_rows: int, window_seconds: int
) -> Iterator[Receipt]:
    """Read up to the topic's end as it is at the start, in batches of at most `batch_rows` messages.

    First finishes what an earlier run left undone. Gold follows the last batch, and while a backlog is read every
    GOLD_WAITS. Raises what the layers raise; whatever is committed by then is whole, and the next pass goes on there.
    If a user is forgotten meanwhile, the pass begins again at the lake's offsets.
    """
    while True:
        try:
            yield from _pass(tables, reader, clock, batch_rows, window_seconds)
        except FencedOffError:
            tables.refresh(STREAM_TABLES)
        else:
            return


def _pass(
    tables: OpenTables, reader: KafkaReader, clock: Now, batch_rows: int, window_seconds: int
) -> Iterator[Receipt]:
    layers = Layers(tables, clock, window_seconds)
    resumed = layers.finish_last(reader.topic)
    if resumed is not None:
        yield resumed
    layers.finish_days()
    state = reader.state()
    bronze = tables.table(BRONZE_EVENTS)
    chunks = reader.read(next_offsets(bronze, reader.topic, state), state.end, batch_rows)
    with (
        layers.whole_on_failure(),
        closing(prefetched(chunks)) as read,
        closing(prefetched(_all_parsed(read, schemas_of(bronze), reader.registry))) as ready,
    ):
        for chunk in ready:
            is_last = chunk.reached == state.end
            yield process(tables, reader.topic, state, chunk, layers, clock, is_last=is_last)


@dataclass(frozen=True)
class Parsed:
    """A chunk with its messages parsed, the Avro schemas known by then, and the seconds that it took."""

    events: pl.DataFrame
    reached: Mapping[int, int]
    schemas: Schemas
    seconds: dict[str, float]


def parsed(chunk: Chunk, schemas: Schemas, registry: SchemaRegistry | None, stages: "Stages") -> Parsed:
    """A chunk's messages by the contract; asks the registry for Avro schemas that `schemas` lacks."""
    with stages.timed("parse"):
        known = {**schemas, **new_schemas(chunk.messages["value"], schemas, registry)}
        return Parsed(parse_events(chunk.messages, known), chunk.reached, known, stages.seconds)


def _all_parsed(chunks: Iterator[Chunk], schemas: Schemas, registry: SchemaRegistry | None) -> Iterator[Parsed]:
    """Parse each chunk, while the next one is read and the last one is committed, each in a thread of its own."""
    while True:
        stages = Stages()
        with stages.timed("read"):
            chunk = next(chunks, None)
        if chunk is None:
            return
        ready = parsed(chunk, schemas, registry, stages)
        schemas = ready.schemas
        yield ready


def process(
    tables: OpenTables,
    topic: str,
    state: TopicState,
    chunk: Parsed,
    layers: "Layers",
    now: Now,
    *,
    is_last: bool,
    gold: Sequence[TableLayout] = DAILY,
) -> Receipt:
    """Process one parsed chunk through all layers, and these tables of gold. Raises what they raise."""
    stages = Stages(chunk.seconds)
    with stages.timed("bronze"):
        keep_schemas(tables, chunk.schemas)
        batch = commit_batch(tables, topic, state, Chunk(chunk.events, chunk.reached), now())
    return layers.refine(batch, stages, is_last=is_last, gold=gold)


class Layers:
    """Silver and gold after bronze. Gold follows the last batch of a backlog, and every GOLD_WAITS until then."""

    def __init__(self, tables: OpenTables, clock: Now, window_seconds: int) -> None:
        self._tables = tables
        self._clock = clock
        self._window_seconds = window_seconds
        self._followed_at = clock()
        self._waiting: list[pl.Series] = []

    def finish_last(self, topic: str) -> Receipt | None:
        """Finish what an earlier run left undone; return the receipt of its last batch if silver lacked it."""
        stages = Stages()
        with stages.timed("silver"):
            batch = again_on_conflict(
                lambda: unfinished_batch(self._tables, topic), lambda: self._tables.refresh(STREAM_TABLES)
            )
        if batch is not None:
            return self.refine(batch, stages, is_last=True)
        advance_purchases(self._tables)
        self.advance_gold()
        return None

    def advance_gold(self, layouts: Sequence[TableLayout] = DAILY, newest: pl.DataFrame | None = None) -> None:
        """Update these tables of gold to the newest batch; `newest` are its purchases, if at hand."""
        advance_gold(self._tables, self._window_seconds, layouts, newest)

    def finish_days(self) -> None:
        """Bring to gold days that a killed backfill has only rebuilt in silver, or that a new rule counts otherwise."""
        is_due = is_recount_due(self._tables)
        if is_due:
            mark_recounted(self._tables.lake)
        # The open handle costs nothing to ask. Days that another writer leaves are seen once it is loaded again.
        if is_due or unfinished_days(self._tables):
            finish_days(self._tables.lake, self._window_seconds)
            self._tables.refresh(STREAM_TABLES)

    def refine(self, batch: Batch, stages: Stages, *, is_last: bool, gold: Sequence[TableLayout] = DAILY) -> Receipt:
        """Update silver with a batch, and gold too if it is the last one or gold has waited long enough."""
        with stages.timed("silver"):
            outcome = advance_silver(self._tables, batch)
            bought = advance_purchases(self._tables, batch.number, outcome.accepted)
        self._waiting.append(outcome.accepted.filter(event_type="purchase")["kafka_timestamp"])
        if is_last or self._clock() - self._followed_at >= GOLD_WAITS:
            with stages.timed("gold"):
                self.advance_gold(gold, bought)
            return Receipt(outcome, self._arrived(), stages.seconds)
        return Receipt(outcome, self._latency([]), stages.seconds)

    @contextmanager
    def whole_on_failure(self) -> Iterator[None]:
        """If Kafka fails in the middle of a backlog, update gold with what was read."""
        try:
            yield
        except (KafkaException, KafkaUnavailableError):
            self.advance_gold()
            raise

    def _arrived(self) -> pl.Series:
        latency = self._latency(self._waiting)
        self._waiting, self._followed_at = [], self._clock()
        return latency

    def _latency(self, appended: list[pl.Series]) -> pl.Series:
        times = pl.concat([pl.Series("latency", [], BRONZE_EVENTS.schema["kafka_timestamp"]), *appended])
        seconds = (pl.lit(self._clock()) - pl.col("latency")).dt.total_milliseconds() / 1_000
        return times.to_frame().select(seconds).to_series()
