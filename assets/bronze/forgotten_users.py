"""Drops events of forgotten users before bronze, whether they come from Kafka or files.

Add here: how such an event is found. Not here: how a user is forgotten (`upkeep.forget_user`).
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import polars as pl

from assets.events.avro_decoder import NO_SCHEMAS, as_text
from assets.tables import FORGOTTEN_USERS
from resources.lake import Tables


def user_hash(user_id: int) -> str:
    """The hash that is kept of a forgotten user."""
    return hashlib.sha256(f"salesinsights user {user_id}".encode()).hexdigest()


def forgotten_users(tables: Tables) -> dict[str, datetime]:
    """The hash of each forgotten user, and when the user was forgotten."""
    return dict(tables.table(FORGOTTEN_USERS).read(columns=["user_hash", "forgotten_at"]).iter_rows())


def without_forgotten(events: pl.DataFrame, forgotten: Mapping[str, datetime]) -> pl.DataFrame:
    """Parsed events, without those of forgotten users up to the moment when they were forgotten.

    A refused message belongs to every user whose number it holds, as in `upkeep.forget_user`. Without a time it is
    dropped.
    """
    if not forgotten:
        return events
    numbered = events.with_row_index("_row")
    about = _numbers_in(numbered)
    moments = {
        number: forgotten[known] for number in about["number"].unique() if (known := user_hash(number)) in forgotten
    }
    since = pl.DataFrame(list(moments.items()), {"number": pl.Int64, "since": pl.Datetime("us", "UTC")}, orient="row")
    latest = about.join(since, on="number").group_by("_row").agg(pl.col("since").max())
    is_before = pl.coalesce("event_time", "kafka_timestamp") <= pl.col("since")
    gone = numbered.join(latest, on="_row").filter(is_before.fill_null(value=True))
    return numbered.join(gone, on="_row", how="anti", maintain_order="left").drop("_row")


def _numbers_in(events: pl.DataFrame) -> pl.DataFrame:
    """`_row` and each `number` that may be a user's: the field of an accepted event, all numbers in a refused one."""
    refused = events.filter(pl.col("reason").is_not_null())
    texts = [as_text(refused[name], NO_SCHEMAS) for name in ("key", "value")]
    found = refused.select(
        "_row", number=pl.concat_str(texts, separator=" ", ignore_nulls=True).str.extract_all("[0-9]+")
    )
    spelled = found.explode("number").with_columns(pl.col("number").cast(pl.Int64, strict=False)).drop_nulls()
    accepted = events.filter(pl.col("reason").is_null()).select("_row", number="user_id")
    return pl.concat([accepted, spelled])
