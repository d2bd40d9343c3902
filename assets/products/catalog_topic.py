"""Reads the catalogue's topic into the catalogue, each message exactly once: the offsets are in the commit of the rows.

The topic is compacted, so what a key said before its newest message may be gone; offsets that are missing are no loss.
Add here: how the topic is followed. Not here: what a message means (`catalog_messages`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from assets.products.catalog import LOADS
from assets.products.catalog_messages import read_messages, with_told
from assets.progress.source_fingerprints import fingerprint
from assets.tables import CATALOG, CATALOG_REFUSED
from resources.kafka_reader import Chunk, KafkaReader, TopicMissingError, TopicState
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable

MESSAGES_AT_ONCE = 20_000
"""Messages that share a commit."""


@dataclass(frozen=True)
class Taken:
    """How many messages were read, and how many of them were refused."""

    read: int
    refused: int


def catalog_is_behind(lake: Lake, reader: KafkaReader) -> bool:
    """Whether the topic has offsets that the catalogue has not read. One that does not exist has none.

    Raises KafkaUnavailableError.
    """
    try:
        state = reader.state()
    except TopicMissingError:
        return False
    start = _start(lake.table(CATALOG), reader.topic, state)
    return any(start[partition] < end for partition, end in state.end.items())


def read_catalog_topic(lake: Lake, reader: KafkaReader, now: datetime) -> Taken:
    """Read what the topic has and the catalogue has not, up to the topic's end now. Idempotent.

    A topic that was deleted and created again is read from its start; products that it does not name stay. Raises
    KafkaUnavailableError, TopicMissingError.
    """
    return again_on_conflict(lambda: _read(lake, reader, now))


def _read(lake: Lake, reader: KafkaReader, now: datetime) -> Taken:
    table, refused, state = lake.table(CATALOG), lake.table(CATALOG_REFUSED), reader.state()
    read, bad = 0, 0
    for chunk in reader.read(_start(table, reader.topic, state), state.end, MESSAGES_AT_ONCE):
        bad += _take(table, refused, reader.topic, state, chunk, now)
        read += chunk.messages.height
    return Taken(read, bad)


def _take(table: LakeTable, refused: LakeTable, topic: str, state: TopicState, chunk: Chunk, now: datetime) -> int:
    """What is refused comes first. It has offsets of its own, so what a killed run has put there is not added again."""
    progress = _progress(topic, state, chunk.reached)
    told, bad = read_messages(chunk.messages.sort("partition", "offset"), now)
    known = _start(refused, topic, state)
    new = bad.filter(pl.col("offset") >= pl.col("partition").replace_strict(known, return_dtype=pl.Int64))
    if new.height:
        refused.append(new.with_columns(source=pl.lit(topic), read_at=pl.lit(now)), progress)
    loads = {LOADS: (table.progress(LOADS) or 0) + 1}
    if told:
        table.replace(with_told(table.read(), told), None, {**progress, **loads})
    else:
        table.append(pl.DataFrame(schema=CATALOG.schema), progress)
    return bad.height


def _start(table: LakeTable, topic: str, state: TopicState) -> dict[int, int]:
    """Where to read on: after what the table has read of this very topic, where the topic still has it."""
    if table.progress(f"kafka/{topic}/id") != fingerprint(state.topic_id):
        return dict(state.start)
    return {
        partition: max(table.progress(f"kafka/{topic}/{partition}") or 0, first)
        for partition, first in state.start.items()
    }


def _progress(topic: str, state: TopicState, reached: Mapping[int, int]) -> dict[str, int]:
    places = {f"kafka/{topic}/{partition}": offset for partition, offset in reached.items()}
    return {f"kafka/{topic}/id": fingerprint(state.topic_id), **places}
