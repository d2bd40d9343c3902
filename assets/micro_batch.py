"""One pass of the stream: what Kafka holds now, through bronze, silver and gold.

Each layer starts by asking its own table how far it is, so that a pass after a kill just goes on. Used alike by the
Dagster run, the command line and the benchmarks. Add here: the order of the layers. Not here: what a layer does.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from assets.avro_values import keep_schemas, new_schemas, schemas_of
from assets.bronze_events import Batch, commit_batch, next_offsets
from assets.event_parser import parse_events
from assets.forget import forgotten_users, without_forgotten
from assets.gold import advance_gold
from assets.silver_events import Outcome, advance_silver, unfinished_batch
from assets.tables import BRONZE_EVENTS, FORGOTTEN_USERS, REFINED
from resources.ahead import one_ahead
from resources.kafka_reader import Chunk, KafkaReader
from resources.lake import Lake, OpenTables
from resources.schema_registry import SchemaRegistry

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Receipt:
    """What one micro-batch did. `latency` holds, for each accepted purchase, the seconds from Kafka append to gold."""

    outcome: Outcome
    latency: pl.Series
    seconds: dict[str, float]

    @property
    def batch(self) -> Batch:
        return self.outcome.batch


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


def open_stream(lake: Lake) -> OpenTables:
    """The tables of a pass. Bronze first: whatever another run commits to it from now on stops this one there."""
    return OpenTables(lake, (BRONZE_EVENTS, *REFINED, FORGOTTEN_USERS))


def stream(
    tables: OpenTables, reader: KafkaReader, clock: Clock, batch_rows: int, window_seconds: int
) -> Iterator[Receipt]:
    """Bring the lake to the topic's end as it is when this starts, in batches of at most `batch_rows` messages.

    First finishes what an earlier run left undone. Raises what the layers raise; whatever is committed by then is
    whole, and the next pass goes on from there.
    """
    resumed = _finish_last(tables, reader.topic, clock, window_seconds)
    if resumed is not None:
        yield resumed
    state, forgotten = reader.state(), forgotten_users(tables)
    start = next_offsets(tables.table(BRONZE_EVENTS), reader.topic, state)
    schemas = schemas_of(tables.table(BRONZE_EVENTS))
    for chunk, seconds in one_ahead(_parsed(reader.read(start, state.end, batch_rows), schemas, reader.registry)):
        stages = Stages(seconds)
        with stages.timed("bronze"):
            keep_schemas(tables, dict(schemas))
            known = Chunk(without_forgotten(chunk.messages, forgotten), chunk.reached)
            batch = commit_batch(tables, reader.topic, state, known, clock())
        yield _refine(tables, batch, stages, clock, window_seconds)


def _parsed(
    chunks: Iterator[Chunk], schemas: dict[int, str], registry: SchemaRegistry | None
) -> Iterator[tuple[Chunk, dict[str, float]]]:
    """Each chunk with its messages parsed, and the seconds that took; adds what it had to ask for to `schemas`."""
    while True:
        stages = Stages()
        with stages.timed("read"):
            chunk = next(chunks, None)
        if chunk is None:
            return
        with stages.timed("parse"):
            schemas |= new_schemas(chunk.messages["value"], schemas, registry)
            parsed = Chunk(parse_events(chunk.messages, schemas), chunk.reached)
        yield parsed, stages.seconds


def _finish_last(tables: OpenTables, topic: str, clock: Clock, window_seconds: int) -> Receipt | None:
    stages = Stages()
    with stages.timed("silver"):
        batch = unfinished_batch(tables, topic)
    if batch is None:
        advance_gold(tables, window_seconds)
        return None
    return _refine(tables, batch, stages, clock, window_seconds)


def _refine(tables: OpenTables, batch: Batch, stages: Stages, clock: Clock, window_seconds: int) -> Receipt:
    with stages.timed("silver"):
        outcome = advance_silver(tables, batch)
    with stages.timed("gold"):
        advance_gold(tables, window_seconds)
    purchases = outcome.accepted.filter(pl.col("event_type") == "purchase")
    latency = (pl.lit(clock()) - purchases["kafka_timestamp"]).dt.total_milliseconds() / 1_000
    return Receipt(outcome, purchases.select(latency.alias("latency")).to_series(), stages.seconds)
