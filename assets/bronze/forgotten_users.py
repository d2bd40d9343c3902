"""Drops events of forgotten users before bronze, whether they come from Kafka or files.

Add here: what becomes of such an event. Not here: whom a message names (`events.named_users`), or how a user is
forgotten (`upkeep.forget_user`).
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

import polars as pl

from assets.events.avro_decoder import NO_SCHEMAS, Schemas
from assets.events.contract import UTC_MICROSECONDS
from assets.events.named_users import named_users
from assets.tables import ARCHIVE, FORGOTTEN_USERS
from resources.lake import Tables
from resources.lake_table import LakeTable


def user_hash(user_id: int) -> str:
    """The hash that is kept of a forgotten user."""
    return hashlib.sha256(f"salesinsights user {user_id}".encode()).hexdigest()


def forgotten_users(tables: Tables) -> Mapping[str, datetime]:
    """The hash of each forgotten user, and when the user was forgotten. A handle is read once.

    Load bronze before this table: who is forgotten is on the list before the fence in bronze is put up.
    """
    return _read(tables.table(FORGOTTEN_USERS))


@lru_cache(maxsize=4)
def _read(table: LakeTable) -> Mapping[str, datetime]:
    return dict(table.read(columns=["user_hash", "forgotten_at"]).iter_rows())


def without_forgotten(
    events: pl.DataFrame, forgotten: Mapping[str, datetime], schemas: Schemas = NO_SCHEMAS
) -> pl.DataFrame:
    """Parsed events, without those of forgotten users up to the moment when they were forgotten.

    A refused message belongs to every user whom it names. Without a time it is dropped. Somebody else's event under a
    forgotten user's key stays, without the key.
    """
    if not forgotten:
        return events
    numbered = events.with_row_index("_row")
    named = named_users(events, is_line(events), schemas)
    moments = {user: forgotten[known] for user in named["user_id"].unique() if (known := user_hash(user)) in forgotten}
    since = pl.DataFrame(list(moments.items()), {"user_id": pl.Int64, "since": UTC_MICROSECONDS}, orient="row")
    named = named.join(since, on="user_id").join(numbered.select("_row", at=_happened()), on="_row")
    before = named.filter((pl.col("at") <= pl.col("since")).fill_null(value=True))
    gone, keyed = (before.filter(pl.col("is_event") == is_event) for is_event in (True, False))
    left = numbered.join(gone, on="_row", how="anti", maintain_order="left")
    return left.with_columns(without_key(keyed["_row"])).drop("_row")


def is_line(events: pl.DataFrame) -> pl.Series:
    """Which of these rows are lines of the archive; none of those that have no source yet."""
    if "source" in events.columns:
        return events["source"] == ARCHIVE
    return pl.repeat(value=False, n=events.height, dtype=pl.Boolean, eager=True)


def without_key(rows: pl.Series) -> pl.Expr:
    """The column `key`, null in these rows (by `_row`)."""
    return pl.when(~pl.col("_row").is_in(rows.implode())).then("key").alias("key")


def _happened() -> pl.Expr:
    """When an event happened; of a refused one the earlier of its own time, if that may be true, and Kafka's."""
    read = pl.when((pl.col("reason") != "event_time_out_of_range").fill_null(value=True)).then("event_time")
    refused = pl.min_horizontal(read, "kafka_timestamp")
    accepted = pl.coalesce("event_time", "kafka_timestamp")
    return pl.when(pl.col("reason").is_null()).then(accepted).otherwise(refused)
