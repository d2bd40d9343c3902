"""Bronze: every Kafka message, byte for byte, committed together with the offsets read so far.

The lake is the only cursor. Where the next batch starts, its topic and the number of the last batch are kept as
progress in the commit of the rows.

Add here: what decides which offsets a batch covers. Not here: what the messages mean (`events.message_parser`).
"""

import hashlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import polars as pl

from assets.bronze.avro_schemas import schemas_of
from assets.bronze.forgotten_users import forgotten_users, without_forgotten
from assets.events.contract import AddedFields
from assets.events.message_parser import parse_events
from assets.progress.batches import BATCH, batch_of
from assets.progress.untold_days import untold
from assets.tables import BRONZE_EVENTS, FORGOTTEN_USERS
from resources.foreseen_error import ForeseenError
from resources.kafka_reader import MESSAGES, Chunk, KafkaReader, TopicState
from resources.lake import Lake, OpenTables, Tables
from resources.lake_errors import ProgressMovedError, again_on_conflict
from resources.lake_table import LakeTable

INGESTED_AT = "batch/ingested_at"

LOSS = "batch/loss"
"""The number of the last batch whose offsets were given up."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OffsetsLostError(ForeseenError):
    """Kafka no longer has offsets that the lake never read; the message names each lost range."""


@dataclass(frozen=True)
class Batch:
    """One committed bronze batch: its number, the offsets [start, end) per partition, and its messages.

    `events` has the columns of bronze and what `parse_events` adds, each partition in its order. `fence` is bronze's
    when they were written or read: a user who was forgotten before it is not in them.
    """

    number: int
    source: str
    start: Mapping[int, int]
    end: Mapping[int, int]
    events: pl.DataFrame
    ingested_at: datetime
    fence: int
    is_loss: bool = False
    """Whether its offsets were given up: Kafka had deleted their messages before they were read."""


def _next(topic: str, partition: int) -> str:
    return f"kafka/{topic}/{partition}"


def _first(topic: str, partition: int) -> str:
    return f"kafka/{topic}/{partition}/start"


def _identity(topic: str) -> str:
    return f"kafka/{topic}/id"


def _fingerprint(topic_id: str) -> int:
    """A hash of the topic's id: 63 bits, as progress can hold."""
    return int.from_bytes(hashlib.sha256(topic_id.encode()).digest()[:8]) >> 1


def next_offsets(bronze: LakeTable, topic: str, state: TopicState) -> dict[int, int]:
    """Where the next batch starts, per partition of the topic: where the last one ended.

    Raises OffsetsLostError if messages are gone that the lake never read: the topic was recreated, Kafka's first offset
    is after that place (after 0 in a new partition), or its end is before it.
    """
    if is_recreated(bronze, topic, state):
        raise OffsetsLostError(_recreated(bronze, topic, state))
    begun = bronze.progress(_identity(topic)) is not None
    cursor = {partition: bronze.progress(_next(topic, partition)) for partition in state.end}
    lost = [_lost(partition, cursor[partition], state, begun=begun) for partition in sorted(cursor)]
    if any(lost):
        is_cut = any(at is not None and at > state.end[partition] for partition, at in cursor.items())
        remedy = (
            "Kafka lost what the lake has read: to go on, give the topic another name and set SALESINSIGHTS_TOPIC"
            if is_cut
            else "To give them up and go on: salesinsights accept-loss"
        )
        named = ", ".join(filter(None, lost))
        raise OffsetsLostError(f"topic {topic} lost offsets that were never read: {named}. {remedy}")
    return read_offsets(bronze, topic, state)


def read_offsets(bronze: LakeTable, topic: str, state: TopicState) -> dict[int, int]:
    """How far the lake has read, per partition of the topic, whatever Kafka still has of what comes next."""
    cursor = {partition: bronze.progress(_next(topic, partition)) for partition in state.end}
    return {partition: state.start[partition] if at is None else at for partition, at in cursor.items()}


def is_recreated(bronze: LakeTable, topic: str, state: TopicState) -> bool:
    """Whether the topic is not the one of this name that the lake has read."""
    known = bronze.progress(_identity(topic))
    return known is not None and known != _fingerprint(state.topic_id)


def unread_offsets(tables: Tables, reader: KafkaReader) -> int:
    """How many offsets Kafka holds that the lake has not read. Raises like `KafkaReader.state` and `next_offsets`."""
    state = reader.state()
    start = next_offsets(tables.table(BRONZE_EVENTS), reader.topic, state)
    return sum(state.end[partition] - at for partition, at in start.items())


def _lost(partition: int, cursor: int | None, state: TopicState, *, begun: bool) -> str | None:
    start, end = state.start[partition], state.end[partition]
    if cursor is None:
        return f"partition {partition} [0, {start})" if begun and start > 0 else None
    if start > cursor:
        return f"partition {partition} [{cursor}, {start})"
    if end < cursor:
        return f"partition {partition} ends at {end}, before {cursor} where the last batch ended"
    return None


def _recreated(bronze: LakeTable, topic: str, state: TopicState) -> str:
    places = {partition: bronze.progress(_next(topic, partition)) for partition in state.end}
    read = ", ".join(f"partition {partition} to offset {at}" for partition, at in places.items() if at is not None)
    return (
        f"topic {topic} was deleted and recreated. The lake had read {read}; later messages of the old topic are lost. "
        "To go on with the new topic, give it another name and set SALESINSIGHTS_TOPIC"
    )


def commit_batch(tables: OpenTables, topic: str, state: TopicState, chunk: Chunk, now: datetime) -> Batch:
    """Commit one chunk of parsed messages and the offsets after it, through the handle that gave the start offsets.

    Leaves out events of forgotten users; if one is forgotten meanwhile, the commit is refused, and theirs are left out
    too. No chunk can be committed twice: the commit is refused once the offsets have moved. `now` becomes ingested_at.
    Raises ProgressMovedError if another run committed first.
    """
    bronze = tables.table(BRONZE_EVENTS)
    number = batch_of(bronze) + 1
    start = {partition: _cursor(bronze, topic, partition, state) for partition in chunk.reached}
    progress = {**_progress(topic, state, number, start, chunk.reached), INGESTED_AT: _microseconds(now)}

    def rows() -> pl.DataFrame:
        schemas = schemas_of(tables.table(BRONZE_EVENTS))
        return _bronze_rows(without_forgotten(chunk.messages, forgotten_users(tables), schemas), topic, number, now)

    events, fence = _append(tables, rows, progress)
    return Batch(number, topic, start, chunk.reached, events, now, fence)


def lost_ranges(bronze: LakeTable, topic: str, state: TopicState) -> dict[int, tuple[int, int]]:
    """The offsets [start, end) per partition that Kafka deleted before they were read.

    Raises OffsetsLostError if the topic was recreated, or ends before what the lake has read: then there is no place to
    go on.
    """
    try:
        next_offsets(bronze, topic, state)
    except OffsetsLostError:
        if bronze.progress(_identity(topic)) != _fingerprint(state.topic_id):
            raise
        at = {partition: bronze.progress(_next(topic, partition)) or 0 for partition in state.end}
        if any(offset > state.end[partition] for partition, offset in at.items()):
            raise
        return {p: (offset, state.start[p]) for p, offset in sorted(at.items()) if offset < state.start[p]}
    return {}


def accept_loss(
    tables: OpenTables, topic: str, state: TopicState, lost: Mapping[int, tuple[int, int]], now: datetime
) -> Batch:
    """Commit a batch without messages for these lost ranges, so that the next one starts after them.

    Raises ProgressMovedError if another run committed first.
    """
    bronze = tables.table(BRONZE_EVENTS)
    number = batch_of(bronze) + 1
    kept = {partition: _cursor(bronze, topic, partition, state) for partition in state.end}
    start, end = ({**kept, **{partition: ends[place] for partition, ends in lost.items()}} for place in (0, 1))
    events = _bronze_rows(parse_events(MESSAGES.to_frame()), topic, number, now)
    progress = _progress(topic, state, number, start, end)
    _, fence = _append(tables, lambda: events, {**progress, INGESTED_AT: _microseconds(now), LOSS: number})
    return Batch(number, topic, start, end, events, now, fence, is_loss=True)


def _cursor(bronze: LakeTable, topic: str, partition: int, state: TopicState) -> int:
    at = bronze.progress(_next(topic, partition))
    return state.start[partition] if at is None else at


def _progress(
    topic: str, state: TopicState, number: int, start: Mapping[int, int], end: Mapping[int, int]
) -> dict[str, int]:
    return {
        BATCH: number,
        _identity(topic): _fingerprint(state.topic_id),
        **{_first(topic, partition): offset for partition, offset in start.items()},
        **{_next(topic, partition): offset for partition, offset in end.items()},
    }


def _append(
    tables: OpenTables, rows: Callable[[], pl.DataFrame], progress: Mapping[str, int]
) -> tuple[pl.DataFrame, int]:
    """Returns the appended rows, and bronze's fence when they were."""

    def standing() -> dict[str, int | None]:
        return {name: tables.table(BRONZE_EVENTS).progress(name) for name in progress}

    before = standing()

    def look_again() -> None:
        tables.refresh([BRONZE_EVENTS, FORGOTTEN_USERS])
        if standing() != before:
            raise ProgressMovedError(f"another run has committed batch {progress[BATCH]} or a later one")

    def append() -> tuple[pl.DataFrame, int]:
        bronze, events = tables.table(BRONZE_EVENTS), rows()
        bronze.append(events, progress)
        return events, bronze.fence

    return again_on_conflict(append, look_again)


def last_batch(bronze: LakeTable, topic: str, added: AddedFields) -> Batch:
    """The newest batch, read back from bronze, for a run that follows a killed one. `added` as for `parse_events`.

    A message that was refused when bronze was written, and that today's rules let pass, moves to the day of its event.
    Raises ConcurrentCommitError if another writer came in between.
    """
    return _read_back(bronze, bronze, lambda: topic, added)


def earlier_batch(lake: Lake, number: int, topic: Callable[[], str], added: AddedFields) -> Batch:
    """A batch, also before the newest one, read back from bronze; its offsets, from the version of bronze that it made.

    `topic` is asked if the batch has no message. Moves and raises like `last_batch`; also raises VersionGoneError, if
    bronze's log does not go back so far.
    """
    bronze = made = lake.table(BRONZE_EVENTS)
    while batch_of(made) > number:
        made = lake.table(BRONZE_EVENTS, made.version - 1)
    return _read_back(bronze, made, topic, added)


def _read_back(bronze: LakeTable, made: LakeTable, topic: Callable[[], str], added: AddedFields) -> Batch:
    """The last batch of the version `made`, with the events that bronze has of it now."""
    number = batch_of(made)
    events = _events_of(bronze, number, added)
    source = events["source"][0] if events.height else topic()
    partitions = list(itertools.takewhile(lambda p: made.progress(_next(source, p)) is not None, itertools.count()))
    return Batch(
        number,
        source,
        {partition: made.progress(_first(source, partition)) or 0 for partition in partitions},
        {partition: made.progress(_next(source, partition)) or 0 for partition in partitions},
        events,
        _EPOCH + timedelta(microseconds=made.progress(INGESTED_AT) or 0),
        bronze.fence,
        is_loss=made.progress(LOSS) == number,
    )


def read_again(bronze: LakeTable, batch: Batch, added: AddedFields) -> Batch:
    """The batch with the events that bronze has of it now. Moves and raises like `last_batch`."""
    return replace(batch, events=_events_of(bronze, batch.number, added), fence=bronze.fence)


def _events_of(bronze: LakeTable, number: int, added: AddedFields) -> pl.DataFrame:
    rows = bronze.read(f"batch = {number}").sort("partition", "offset")
    return _at_home(bronze, number, parse_events(rows, schemas_of(bronze), added))


def _at_home(bronze: LakeTable, number: int, events: pl.DataFrame) -> pl.DataFrame:
    """The batch's messages, each under the day where a rebuild looks for it; in bronze too."""
    moved = events.filter(pl.col("reason").is_null(), pl.col("event_date") != pl.col("event_time").dt.date())
    if moved.is_empty():
        return events
    days = {*moved["event_date"], *moved["event_time"].dt.date()}
    home = pl.when(pl.col("reason").is_null()).then(pl.col("event_time").dt.date()).otherwise("event_date")
    settled = events.with_columns(event_date=home)
    rows = settled.filter(pl.col("event_date").is_in(days)).select(BRONZE_EVENTS.schema.names())
    bronze.replace(rows, f"{BRONZE_EVENTS.on_days(days)} AND batch = {number}", untold(bronze, days))
    return settled


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _bronze_rows(messages: pl.DataFrame, topic: str, number: int, now: datetime) -> pl.DataFrame:
    return messages.with_columns(
        source=pl.lit(topic),
        ingested_at=pl.lit(now).cast(BRONZE_EVENTS.schema["ingested_at"]),
        batch=pl.lit(number, pl.Int64),
    ).with_columns(event_date=_event_date())


def rows_again(messages: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """Parsed messages that are read a second time, as the rows that bronze held of them, by the batches of the ledger.

    A message outside the ledger's ranges makes no row.
    """
    names = ("partition", "start_offset", "end_offset", "batch", "source", "ingested_at")
    ranges = ledger.select(names).sort("start_offset")
    placed = messages.sort("offset").join_asof(
        ranges, left_on="offset", right_on="start_offset", by="partition", strategy="backward", check_sortedness=False
    )
    inside = placed.filter(pl.col("offset") < pl.col("end_offset"))
    return inside.with_columns(event_date=_event_date()).cast({"batch": pl.Int64})


def _event_date() -> pl.Expr:
    accepted = pl.col("reason").is_null()
    return pl.when(accepted).then(pl.col("event_time").dt.date()).otherwise(pl.col("ingested_at").dt.date())
