"""Rows of bronze that were dropped with a broken file: read from Kafka again, or named as lost.

Add here: why messages can't be read again. Not here: the other tables (`lost_files`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from assets.bronze.avro_schemas import schemas_of
from assets.bronze.bronze import is_recreated, rows_again
from assets.bronze.fences import check_fence
from assets.bronze.forgotten_users import forgotten_users, without_forgotten
from assets.events.message_parser import parse_events
from assets.silver.silver import PLACE
from assets.tables import BRONZE_EVENTS, SILVER_BATCHES
from assets.upkeep.repair_plan import Damage
from resources.kafka_reader import KafkaReader, TopicMissingError
from resources.lake import Lake

READ_ROWS = 200_000

LOST = "lost"
"""The kind of a finding that no repair can make good."""

OpenReader = Callable[[], KafkaReader]


@dataclass(frozen=True)
class Finding:
    """What was wrong with a table, and how it is repaired."""

    table: str
    kind: str
    detail: str


def restore_bronze(lake: Lake, damage: Damage, open_reader: OpenReader) -> Iterator[Finding]:
    """Read the batches of dropped files from Kafka again; yield how many messages came back, and which are lost.

    Idempotent. Lines of the archive come from their month's file. Raises what reading Kafka raises.
    """
    if damage.last > 0:
        yield from _read_again(lake, damage, open_reader())
    if damage.first == 0:
        months = sorted({f"{day:%Y-%m}" for day in damage.days})
        again = ", ".join(f"salesinsights backfill --from {month} --again" for month in months)
        yield _lost(f"lines of the archive: load their month again: {again}")


def _read_again(lake: Lake, damage: Damage, reader: KafkaReader) -> Iterator[Finding]:
    first = max(damage.first, 1)
    ledger = lake.table(SILVER_BATCHES).read(f"batch BETWEEN {first} AND {damage.last}")
    restored, why = 0, dict[str, str]()
    for topic in sorted(set(ledger["source"])):
        mine = ledger.filter(source=topic)
        source = reader if topic == reader.topic else reader.of(topic)
        why[topic], count = _restore(lake, source, mine, damage.days)
        restored += count
    told = f"{restored} messages of batches {first} to {damage.last} read from Kafka again"
    yield Finding(BRONZE_EVENTS.sql_name, "restored", told)
    for topic, partition, start, end, messages in _missing(lake, ledger, first, damage.last).iter_rows():
        yield _lost(f"{why[topic]} partition {partition} of {topic}, offsets [{start}, {end}): {messages} messages")
    unknown = sorted(set(range(first, damage.last + 1)) - set(ledger["batch"]))
    if unknown:
        yield _lost(f"the ledger has lost batches {', '.join(map(str, unknown))}: nobody knows their offsets any more")


def _restore(lake: Lake, reader: KafkaReader, ledger: pl.DataFrame, days: list[date]) -> tuple[str, int]:
    """Append the messages of these batches that bronze lacks; returns why others can't be read, and their number."""
    bronze, restored = lake.table(BRONZE_EVENTS), 0
    try:
        state = reader.state()
    except TopicMissingError:
        return "the topic does not exist any more:", 0
    if is_recreated(bronze, reader.topic, state):
        return "the topic was deleted and recreated:", 0
    start, end = _readable(ledger, state.start, state.end)
    known = bronze.read(BRONZE_EVENTS.on_days(days), PLACE)
    forgotten, schemas = forgotten_users(lake), schemas_of(bronze)
    for chunk in reader.read(start, end, READ_ROWS):
        parsed = without_forgotten(parse_events(chunk.messages, schemas), forgotten, schemas)
        rows = rows_again(parsed, ledger).filter(pl.col("event_date").is_in(days)).join(known, on=PLACE, how="anti")
        target = lake.table(BRONZE_EVENTS)
        check_fence(lake, bronze.fence)
        target.append(rows.select(BRONZE_EVENTS.schema.names()), {})
        restored += rows.height
    return "Kafka has deleted", restored


def _readable(
    ledger: pl.DataFrame, first: Mapping[int, int], last: Mapping[int, int]
) -> tuple[dict[int, int], dict[int, int]]:
    """The offsets of these batches that Kafka still has: where to start and to end, by partition."""
    ends = ledger.group_by("partition").agg(pl.col("start_offset").min(), pl.col("end_offset").max())
    within = {p: (max(start, first[p]), min(end, last[p])) for p, start, end in ends.iter_rows() if p in first}
    start, end = ({p: offsets[at] for p, offsets in within.items() if offsets[0] < offsets[1]} for at in (0, 1))
    return start, end


def _missing(lake: Lake, ledger: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    """By topic and partition, the batches' offsets of which bronze has fewer messages than the ledger."""
    held = lake.table(BRONZE_EVENTS).read(f"batch BETWEEN {first} AND {last}", ["batch", "partition"])
    counted = held.group_by("batch", "partition").agg(held=pl.len().cast(pl.Int64))
    both = ledger.join(counted, on=["batch", "partition"], how="left").with_columns(pl.col("held").fill_null(0))
    short = both.filter(pl.col("held") < pl.col("messages")).group_by("source", "partition")
    lost = (pl.col("messages") - pl.col("held")).sum()
    return short.agg(pl.col("start_offset").min(), pl.col("end_offset").max(), lost).sort("source", "partition")


def _lost(detail: str) -> Finding:
    return Finding(BRONZE_EVENTS.sql_name, LOST, detail)
