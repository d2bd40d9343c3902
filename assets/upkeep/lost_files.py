"""Data files that a power cut emptied or cut short: found, dropped, and their rows restored from what still has them.

Bronze comes from Kafka again, silver from bronze, gold from silver. Add here: how a table gets its rows back.
Not here: logs and lost commits (`repair`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from assets.bronze.avro_schemas import schemas_of
from assets.bronze.bronze import rows_again
from assets.bronze.forgotten_users import forgotten_users, without_forgotten
from assets.customers.customer_value import refresh_customer_value
from assets.events.message_parser import parse_events
from assets.gold.gold import rebuild_gold
from assets.silver.silver import PLACE, rebuild_silver
from assets.tables import (
    BRONZE_EVENTS,
    COHORT_RETENTION,
    CUSTOMER_VALUE,
    DAILY,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
    TABLES,
    VISITOR_TABLES,
)
from assets.tables.table import Table
from assets.visitors.cohort_retention import refresh_cohorts
from assets.visitors.daily_tables import refresh_days
from resources.kafka_reader import KafkaReader
from resources.lake import Lake

READ_ROWS = 200_000

OpenReader = Callable[[], KafkaReader]


@dataclass(frozen=True)
class Finding:
    """What was wrong with a table, and how it is repaired."""

    table: str
    kind: str
    detail: str


def broken_files(lake: Lake) -> dict[str, pl.DataFrame]:
    """The broken data files of each table: rows of `LakeTable.broken_files`."""
    found = {name: lake.table(table).broken_files() for name, table in TABLES.items()}
    return {name: files for name, files in found.items() if files.height}


def restore_files(lake: Lake, window_seconds: int, open_reader: OpenReader) -> Iterator[Finding]:
    """Drop broken files, and restore their rows; yield each file, and what could not be restored.

    Changes nothing if no file is broken. One that is killed after a file was dropped leaves its rows missing, and does
    not find them again: `audit` names the batches then, and a backfill of their days restores silver and gold. Raises
    what reading Kafka raises.
    """
    broken = broken_files(lake)
    for name, files in broken.items():
        for place in files["place"]:
            yield Finding(name, "broken_file", f"{place} is empty or cut short: dropped")
    if BRONZE_EVENTS.sql_name in broken:
        # Before the files are dropped: until then they say which batches they held.
        yield from _restore_bronze(lake, broken[BRONZE_EVENTS.sql_name], open_reader)
    for name, files in broken.items():
        if name != BRONZE_EVENTS.sql_name:
            lake.table(TABLES[name]).drop_files(files["place"])
    days = {name: _days(TABLES[name], files) for name, files in broken.items()}
    silver = sorted(set[date]().union(*(days.get(table.sql_name, set()) for table in _FROM_BRONZE)))
    if silver:
        rebuild_silver(lake, silver)
    gold = sorted(set(silver).union(*(days.get(table.sql_name, set()) for table in DAILY)))
    if gold:
        rebuild_gold(lake, DAILY, gold, window_seconds)
    yield from _restore_others(lake, days)


_FROM_BRONZE = (BRONZE_EVENTS, SILVER_EVENTS, SILVER_PURCHASES, SILVER_QUARANTINE)
_RESTORED = (*_FROM_BRONZE, *DAILY, *VISITOR_TABLES, CUSTOMER_VALUE, COHORT_RETENTION)


def _restore_others(lake: Lake, days: dict[str, set[date]]) -> Iterator[Finding]:
    for table in VISITOR_TABLES:
        for _ in refresh_days(lake, table, sorted(days[table.sql_name])) if table.sql_name in days else ():
            continue
    if CUSTOMER_VALUE.sql_name in days:
        refresh_customer_value(lake)
    if COHORT_RETENTION.sql_name in days:
        refresh_cohorts(lake)
    for name in days.keys() - {table.sql_name for table in _RESTORED}:
        yield Finding(name, "lost", "its rows can't be computed again: restore this table from a backup")


def _days(table: Table, files: pl.DataFrame) -> set[date]:
    return set(files[table.file_day]) if table.partition_by else set()


def _restore_bronze(lake: Lake, files: pl.DataFrame, open_reader: OpenReader) -> Iterator[Finding]:
    """Read the batches of these files from Kafka again. Lines of the archive come from their month's file."""
    days = sorted(_days(BRONZE_EVENTS, files))
    lowest, highest = int(files["min.batch"].min() or 0), int(files["max.batch"].max() or 0)  # type: ignore[arg-type]
    if highest > 0:
        yield from _read_again(lake, max(lowest, 1), highest, days, files["place"], open_reader)
    else:
        lake.table(BRONZE_EVENTS).drop_files(files["place"])
    if lowest == 0:
        months = sorted({f"{day:%Y-%m}" for day in days})
        again = ", ".join(f"salesinsights backfill --from {month} --again" for month in months)
        yield Finding(BRONZE_EVENTS.sql_name, "lost", f"lines of the archive: load their month again: {again}")


def _read_again(
    lake: Lake, first: int, last: int, days: list[date], places: pl.Series, open_reader: OpenReader
) -> Iterator[Finding]:
    ledger = lake.table(SILVER_BATCHES).read(f"batch BETWEEN {first} AND {last}")
    reader = open_reader()
    mine = ledger.filter(source=reader.topic)
    ends = mine.group_by("partition").agg(pl.col("start_offset").min(), pl.col("end_offset").max())
    start, end = ({p: offsets[at] for p, *offsets in ends.iter_rows()} for at in (0, 1))
    held, restored = reader.state().start, 0
    gone = {p: (offset, min(held[p], end[p])) for p, offset in start.items() if held[p] > offset}
    bronze = lake.table(BRONZE_EVENTS)
    bronze.drop_files(places)
    known = bronze.read(BRONZE_EVENTS.on_days(days), PLACE)
    forgotten, schemas = forgotten_users(lake), schemas_of(bronze)
    for chunk in reader.read({p: max(offset, held[p]) for p, offset in start.items()}, end, READ_ROWS):
        parsed = without_forgotten(parse_events(chunk.messages, schemas), forgotten)
        rows = rows_again(parsed, mine).filter(pl.col("event_date").is_in(days)).join(known, on=PLACE, how="anti")
        lake.table(BRONZE_EVENTS).append(rows.select(BRONZE_EVENTS.schema.names()), {})
        restored += rows.height
    told = f"{restored} messages of batches {first} to {last} read from Kafka again"
    yield Finding(BRONZE_EVENTS.sql_name, "restored", told)
    for partition, (lost, until) in sorted(gone.items()):
        yield Finding(BRONZE_EVENTS.sql_name, "lost", f"Kafka has deleted partition {partition} [{lost}, {until})")
