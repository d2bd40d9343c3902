"""Finds every row about a user, by what the row means, in every table of the lake.

Used before a user is forgotten, to know what to remove, and afterwards, to prove that nothing is left.
Add here: where rows about a user may lie. Not here: how they are removed (`forget_user`), or whom a message names
(`events.named_users`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from assets.bronze.avro_schemas import schemas_of
from assets.bronze.forgotten_users import is_line
from assets.events.avro_decoder import Schemas
from assets.events.named_users import is_unreadable, key_users, line_users, may_name, named_users, value_users
from assets.silver.day_pieces import READ_ROWS, parse_bronze
from assets.silver.silver import PLACE, near
from assets.tables import (
    ARCHIVE,
    BRONZE_ARCHIVE_MONTHS,
    BRONZE_EVENTS,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_QUARANTINE,
    TABLES,
)
from resources.lake import Lake
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout

_KINDS = BRONZE_EVENTS.schema

MESSAGES = pl.Schema(
    {name: _KINDS[name] for name in (*PLACE, "batch", "event_date")} | {"is_event": pl.Boolean(), "reason": pl.String()}
)
"""A row of bronze about a user. `is_event` is False for somebody else's event under the user's key."""

REFUSED = pl.Schema({name: SILVER_QUARANTINE.schema[name] for name in (*PLACE, "batch", "arrival_date")})


@dataclass(frozen=True)
class Found:
    """The rows about a user: of bronze (MESSAGES), of quarantine (REFUSED), and of silver/events (MESSAGES).

    - `rows`: how many there are, by the table's name in SQL; only tables with some.
    - `days`: the days of bronze, silver and gold on which there are any.
    - `undecided`: refused messages that nothing can read and whose key names nobody, by reason.
    """

    messages: pl.DataFrame
    refused: pl.DataFrame
    events: pl.DataFrame
    rows: Mapping[str, int]
    days: frozenset[date]
    undecided: Mapping[str, int]


def search(lake: Lake, user_id: int) -> Found:
    """Look for a user in every table. Reads all of bronze; parses what may be about the user."""
    messages, undecided = _messages(lake.table(BRONZE_EVENTS), user_id)
    refused = _refused(lake, user_id, messages)
    events = lake.table(SILVER_EVENTS).read(f"user_id = {user_id}", [*PLACE, "batch", "event_date"])
    rows = Counter({BRONZE_EVENTS.sql_name: messages.height, SILVER_QUARANTINE.sql_name: refused.height})
    days = set(messages["event_date"])
    for name, layout in TABLES.items():
        if "user_id" in layout.schema:
            held = _days_held(lake.table(layout), user_id)
            rows[name] += len(held)
            days |= set(held) if "event_date" in layout.partition_by else set()
    return Found(messages, refused, events, dict(+rows), frozenset(days - {None}), undecided)


def _days_held(table: LakeTable, user_id: int) -> list[date | None]:
    """The day of each row about the user in a table with a column `user_id`, also of rows that do not count."""
    columns = ["user_id", *table.layout.partition_by]
    found = pl.concat([_shape(table.layout, columns), *table.stream(f"user_id = {user_id}", READ_ROWS, columns)])
    return found.to_series(1).to_list() if table.layout.partition_by else [None] * found.height


def _shape(layout: TableLayout, columns: list[str]) -> pl.DataFrame:
    return pl.DataFrame(schema={name: layout.schema[name] for name in columns})


def _messages(bronze: LakeTable, user_id: int) -> tuple[pl.DataFrame, Mapping[str, int]]:
    schemas, undecided = schemas_of(bronze), Counter[str]()

    def found() -> Iterator[pl.DataFrame]:
        for rows in bronze.stream(None, READ_ROWS):
            may_be = may_name(rows["value"], user_id) | may_name(rows["key"], user_id)
            parsed = parse_bronze(rows.filter(may_be), schemas).with_row_index("_row")
            named = named_users(parsed.drop("_row"), is_line(parsed), schemas).filter(user_id=user_id)
            undecided.update(_undecided(parsed.join(named, on="_row", how="anti"), schemas))
            yield parsed.join(named.select("_row", "is_event"), on="_row").select(MESSAGES.names())

    return pl.concat([MESSAGES.to_frame(), *found()]), dict(undecided)


def _undecided(parsed: pl.DataFrame, schemas: Schemas) -> Iterator[str]:
    refused = parsed.filter(pl.col("reason").is_not_null(), pl.col("source") != ARCHIVE)
    for key, value, reason in refused.select("key", "value", "reason").iter_rows():
        if is_unreadable(value, schemas) and not key_users(key, schemas):
            yield reason


def _refused(lake: Lake, user_id: int, messages: pl.DataFrame) -> pl.DataFrame:
    """The user's rows in quarantine: those of the found messages, and those that bronze lacks.

    A row that bronze lacks is judged by its value alone; it also counts if the ledger says that bronze lacks nothing of
    its batch: an older release has then forgotten its message and left the row.
    """
    table, bronze = lake.table(SILVER_QUARANTINE), lake.table(BRONZE_EVENTS)
    theirs, schemas = messages.filter("is_event"), schemas_of(bronze)
    found = [REFUSED.to_frame()]
    for day in table.days:
        rows = table.read(SILVER_QUARANTINE.on_days([day]))
        alone = rows.join(bronze.read(near(rows), PLACE), on=PLACE, how="anti") if rows.height else rows
        named = alone.filter(_names(alone, user_id, schemas))
        stale = _left_over(lake, alone.join(named, on=PLACE, how="anti"))
        mine = rows.join(theirs, on=PLACE, how="semi")
        found += [part.select(REFUSED.names()) for part in (mine, named, stale)]
    return pl.concat(found)


def _names(rows: pl.DataFrame, user_id: int, schemas: Schemas) -> pl.Series:
    read = (
        line_users(None, value) if source == ARCHIVE else value_users(value, schemas)
        for source, value in rows.select("source", "value").iter_rows()
    )
    return pl.Series([user_id in users for users in read], dtype=pl.Boolean)


def _left_over(lake: Lake, alone: pl.DataFrame) -> pl.DataFrame:
    """Of rows whose message bronze lacks, those of batches and months of which it has all messages that it should."""
    if alone.is_empty():
        return alone
    batches = ", ".join(map(str, alone["batch"].unique()))
    whole = ["source", "partition", "batch"]
    held = lake.table(BRONZE_EVENTS).read(f"batch IN ({batches})", whole).group_by(whole).agg(held=pl.len())
    ledger = lake.table(SILVER_BATCHES).read(f"batch IN ({batches})", [*whole, "messages"])
    months = lake.table(BRONZE_ARCHIVE_MONTHS).read(None, ["month", "lines"])
    number = pl.col("month").dt.year() * 100 + pl.col("month").dt.month()
    lines = months.select(
        source=pl.lit(ARCHIVE), partition=number.cast(pl.Int32), batch=pl.lit(0, pl.Int64), messages="lines"
    )
    due = pl.concat([ledger, lines]).join(held, on=whole, how="left").with_columns(pl.col("held").fill_null(0))
    return alone.join(due.filter(pl.col("held") >= pl.col("messages")), on=whole, how="semi")


def shared_sessions(lake: Lake, user_id: int) -> pl.DataFrame:
    """Other users with events in the user's visits: `user_id` and `events`, most first.

    A visit in which somebody was first unknown and then logged in has two users.
    """
    silver = lake.table(SILVER_EVENTS)
    visits = silver.read(f"user_id = {user_id}", ["user_session"])["user_session"].drop_nulls().unique()
    counted = [pl.DataFrame(schema={"user_id": pl.Int64, "events": pl.UInt32})]
    if len(visits):
        for rows in silver.stream(None, READ_ROWS, ["user_id", "user_session"]):
            others = rows.filter(pl.col("user_session").is_in(visits.implode()), pl.col("user_id") != user_id)
            counted.append(others.group_by("user_id").agg(events=pl.len()))
    total = pl.concat(counted).group_by("user_id").agg(pl.col("events").sum())
    return total.sort("events", "user_id", descending=[True, False])
