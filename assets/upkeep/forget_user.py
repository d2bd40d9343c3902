"""A user who wants to be forgotten: every row about them leaves the lake, and none comes back.

The lake keeps a hash of the user's number and the moment of forgetting. An event from before it is dropped, wherever it
comes from; an event after it is a new one.
Add here: what must be gone. Not here: how a table is rewritten (`resources.lake_table`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from assets.bronze.avro_schemas import schemas_of
from assets.bronze.forgotten_users import user_hash
from assets.customers.customer_value import refresh_customer_value
from assets.events.avro_decoder import Schemas, as_text, is_avro
from assets.gold.gold import rebuild_gold
from assets.progress.batches import BATCH, batch_of
from assets.progress.kept_parts import drop_parts
from assets.progress.rebuild_marks import finishing
from assets.silver.day_pieces import parse_bronze
from assets.silver.silver import PLACE, near, rebuild_silver
from assets.tables import (
    ARCHIVE,
    BRONZE_ARCHIVE_MONTHS,
    BRONZE_EVENTS,
    DAILY,
    FORGOTTEN_USERS,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_QUARANTINE,
    TABLES,
    VISITOR_TABLES,
)
from assets.visitors.cohort_retention import refresh_cohorts
from assets.visitors.daily_tables import refresh_days
from assets.visitors.day_index import drop_indexes
from resources.lake import Lake
from resources.lake_table import TableLayout, again_on_conflict

KEPT = tuple(table for table in TABLES.values() if table.keeps_users)
"""The tables that are not recomputed: the user's rows are deleted from them."""


@dataclass(frozen=True)
class Forgotten:
    """What was removed: the number of rows of bronze, and their days."""

    rows: int
    days: list[date]


@dataclass(frozen=True)
class _Trace:
    """What has to be rebuilt for a user. Kept until all of it is, since bronze no longer holds their rows."""

    days: list[date]
    batches: list[int]
    months: list[int]

    def with_rows(self, found: pl.DataFrame) -> "_Trace":
        months = found.filter(source=ARCHIVE)["partition"]
        return _Trace(
            sorted({*self.days, *found["event_date"]}),
            sorted({*self.batches, *found["batch"]}),
            sorted({*self.months, *months}),
        )


_NOTHING = pl.Schema({name: BRONZE_EVENTS.schema[name] for name in (*PLACE, "batch", "event_date")})


def forget(lake: Lake, user_id: int, now: datetime, window_seconds: int) -> Forgotten:
    """Remove every row about a user: messages and lines, refused ones that hold the number, and what was made of them.

    Rewrites the files that hold these rows, and the ledgers of the batches and months that brought them. Then deletes
    all older versions of every table, from disk and from the logs. Nothing else may run on the lake meanwhile. A second
    run finds nothing more; one that was cut short is completed by the next. Kafka keeps its messages until their
    retention ends.
    """
    found = pl.concat([_NOTHING.to_frame(), *_rows_about(lake, user_id)])
    trace = _remembered(lake, user_id).with_rows(found)
    _remember(lake, user_id, now, trace)
    for day in sorted(set(found["event_date"])):
        _remove(lake, found.filter(event_date=day), day)
    if trace.days:
        _release_refused(lake, user_id)
        with finishing(lake, trace.days, rebuilds=1):
            rebuild_silver(lake, trace.days)
            rebuild_gold(lake, DAILY, trace.days, window_seconds)
        refresh_customer_value(lake)
        for layout in VISITOR_TABLES:
            list(refresh_days(lake, layout, trace.days))
        refresh_cohorts(lake)
    for layout in KEPT:
        _remove_kept(lake, layout, user_id)
    _restate_batches(lake, [batch for batch in trace.batches if batch > 0])
    _restate_months(lake, trace.months)
    drop_indexes(lake)
    drop_parts(lake)
    for layout in TABLES.values():
        lake.table(layout).purge()
    return Forgotten(found.height, trace.days)


def _rows_about(lake: Lake, user_id: int) -> Iterator[pl.DataFrame]:
    """Per day, the places of bronze's rows about a user: found by the field, or in refused rows by the bare number."""
    bronze = lake.table(BRONZE_EVENTS)
    schemas = schemas_of(bronze)
    for day in bronze.days:
        rows = bronze.read(BRONZE_EVENTS.on_days([day]))
        number = str(user_id).encode()
        holds = pl.col("value").bin.contains(number) | pl.col("key").bin.contains(number)
        near_it = rows.filter(holds | is_avro(rows["value"], schemas))
        yield _about(parse_bronze(near_it, schemas), user_id, schemas).select(_NOTHING.names())


def _about(parsed: pl.DataFrame, user_id: int, schemas: Schemas) -> pl.DataFrame:
    texts = [as_text(parsed[name], schemas) for name in ("key", "value")]
    number = pl.concat_str(texts, separator=" ", ignore_nulls=True).str.contains(_bare(user_id))
    refused = pl.col("reason").is_not_null() & number
    return parsed.filter((pl.col("user_id") == user_id).fill_null(value=False) & pl.col("reason").is_null() | refused)


def _remembered(lake: Lake, user_id: int) -> "_Trace":
    held = lake.table(FORGOTTEN_USERS).read(f"user_hash = '{user_hash(user_id)}'", ["days", "batches", "months"])
    return _Trace(*held.row(0)) if held.height else _Trace([], [], [])


def _remember(lake: Lake, user_id: int, now: datetime, trace: "_Trace") -> None:
    row = {"user_hash": user_hash(user_id), "forgotten_at": now, **vars(trace)}
    entry = pl.DataFrame([row], schema=FORGOTTEN_USERS.schema)
    where = f"user_hash = '{user_hash(user_id)}'"
    again_on_conflict(lambda: lake.table(FORGOTTEN_USERS).replace(entry, where, {}))


def _remove(lake: Lake, found: pl.DataFrame, day: date) -> None:
    where = f"{BRONZE_EVENTS.on_days([day])} AND ({near(found)})"

    def remove() -> None:
        bronze = lake.table(BRONZE_EVENTS)
        bronze.replace(bronze.read(where).join(found, on=PLACE, how="anti"), where, {})

    again_on_conflict(remove)


def _remove_kept(lake: Lake, layout: TableLayout, user_id: int) -> None:
    def remove() -> None:
        table, where = lake.table(layout), f"user_id = {user_id}"
        if table.read(where, ["user_id"]).height:
            table.replace(pl.DataFrame(schema=layout.schema), where, {})

    again_on_conflict(remove)


def _release_refused(lake: Lake, user_id: int) -> None:
    """Delete from quarantine the user's rows that bronze no longer holds."""

    def release() -> None:
        table, bronze = lake.table(SILVER_QUARANTINE), lake.table(BRONZE_EVENTS)
        for day in table.days:
            rows = table.read(SILVER_QUARANTINE.on_days([day]))
            holding = rows.filter(as_text(rows["value"], schemas_of(bronze)).str.contains(_bare(user_id)))
            if holding.height:
                gone = holding.join(bronze.read(near(holding), PLACE), on=PLACE, how="anti")
                table.replace(rows.join(gone, on=PLACE, how="anti"), SILVER_QUARANTINE.on_days([day]), {})

    again_on_conflict(release)


def _bare(user_id: int) -> str:
    """A pattern for the number without further digits beside it."""
    return rf"(^|[^0-9]){user_id}([^0-9]|$)"


def _restate_batches(lake: Lake, batches: list[int]) -> None:
    """Recount the ledger of these batches: a removed message becomes an offset without a message."""
    if not batches:
        return
    where = f"batch IN ({', '.join(map(str, batches))})"
    ledger = lake.table(SILVER_BATCHES).read(where)
    for name, layout in _COUNTED.items():
        rows = lake.table(layout).read(where, ["batch", "partition"])
        counted = rows.group_by("batch", "partition").agg(pl.len().cast(pl.Int64).alias(name))
        ledger = ledger.drop(name).join(counted, on=["batch", "partition"], how="left")
    restated = ledger.with_columns(pl.col(*_COUNTED).fill_null(0)).with_columns(
        duplicates=pl.col("messages") - pl.col("accepted") - pl.col("quarantined"),
        markers=pl.col("end_offset") - pl.col("start_offset") - pl.col("messages") - pl.col("lost").fill_null(0),
    )
    last = batch_of(lake.table(SILVER_BATCHES))
    again_on_conflict(lambda: lake.table(SILVER_BATCHES).replace(restated, where, {BATCH: last}))


_COUNTED = {"messages": BRONZE_EVENTS, "accepted": SILVER_EVENTS, "quarantined": SILVER_QUARANTINE}


def _restate_months(lake: Lake, months: list[int]) -> None:
    ledger = BRONZE_ARCHIVE_MONTHS
    for month in months:
        where = f"source = '{ARCHIVE}' AND partition = {month}"
        mine = ledger.on_days([date(month // 100, month % 100, 1)])
        lines, kept, refused = (lake.table(layout).read(where, ["offset"]).height for layout in _COUNTED.values())
        counts = {"lines": lines, "accepted": kept, "quarantined": refused, "duplicates": lines - kept - refused}
        row = lake.table(ledger).read(mine).with_columns(**{name: pl.lit(count) for name, count in counts.items()})
        lake.table(ledger).replace(row, mine, {})
