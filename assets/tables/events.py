"""The tables of single events: bronze and silver, their ledgers, and who was forgotten.

Add here: a table of events as they came, or of what became of them. Not here: what is computed from them.
"""

import polars as pl

from assets.events.contract import EVENT, EXTRA, UTC_MICROSECONDS
from assets.tables.table import Cadence, Table

ARCHIVE = "archive"
"""The source of what came from a month's file; its partition is the month as a number, such as 201910."""

_PLACE = {"source": pl.String(), "partition": pl.Int32(), "offset": pl.Int64()}
"""Where an event came from: the topic, its partition, and the message's offset; or the archive, the month, the line."""

BRONZE_EVENTS = Table(
    "bronze/events",
    pl.Schema(
        {
            **_PLACE,
            "kafka_timestamp": UTC_MICROSECONDS,
            "key": pl.Binary(),
            "value": pl.Binary(),
            "ingested_at": UTC_MICROSECONDS,
            "batch": pl.Int64(),
            "event_date": pl.Date(),
        }
    ),
    ("event_date",),
    "Every message and every line of the archive, byte for byte, under the day of its event (an unreadable one under "
    "its arrival day).",
    key=("source", "partition", "offset"),
    high_cardinality=("offset", "key", "value"),
    made_from=("kafka/shop_events",),
    columns={"key": "the message's key, byte for byte; for an archive line the header of its file"},
)

BRONZE_ARCHIVE_MONTHS = Table(
    "bronze/archive_months",
    pl.Schema(
        {
            "month": pl.Date(),
            "file": pl.String(),
            "sha256": pl.String(),
            "lines": pl.Int64(),
            "accepted": pl.Int64(),
            "quarantined": pl.Int64(),
            "duplicates": pl.Int64(),
            "days": pl.List(pl.Date()),
            "ingested_at": UTC_MICROSECONDS,
        }
    ),
    ("month",),
    "The ledger of the archive: one row per month loaded from a file, and what became of each of its lines.",
    key=("month",),
    made_from=("archive/files",),
    cadence=Cadence.ARCHIVE,
    columns={
        "month": "the first day of the month",
        "file": "the file that the month was loaded from",
        "sha256": "the SHA-256 of the file; empty while it is being loaded",
        "lines": "lines of the file after the header, without blank ones",
    },
)

SILVER_EVENTS = Table(
    "silver/events",
    pl.Schema(
        {
            **EVENT,
            **EXTRA,
            **_PLACE,
            "kafka_timestamp": UTC_MICROSECONDS,
            "ingested_at": UTC_MICROSECONDS,
            "batch": pl.Int64(),
            "event_date": pl.Date(),
        }
    ),
    ("event_date",),
    "One row per distinct event that meets the contract, typed, under the UTC day of its event_time.",
    key=("source", "partition", "offset"),
    made_from=("bronze/events",),
    lineage=dict.fromkeys((*EVENT, *EXTRA), ("value",)),
    columns={
        "event_type": "view, cart, remove_from_cart or purchase",
        "event_id": "the producer's own name of the event, unique within its UTC day; without it the nine fields are",
    },
    high_cardinality=("event_time", "user_session", "event_id", "offset"),
)

SILVER_PURCHASES = Table(
    "silver/purchases",
    pl.Schema(
        {
            **{name: EVENT[name] for name in ("event_time", "product_id", "brand", "price", "user_id", "user_session")},
            "source": pl.String(),
            "kafka_timestamp": UTC_MICROSECONDS,
            "ingested_at": UTC_MICROSECONDS,
            "batch": pl.Int64(),
            "event_date": pl.Date(),
        }
    ),
    ("event_date",),
    "The purchases of silver/events once more, with the columns that gold needs: 6 % of the rows, so that a batch does "
    "not open the files of all other events.",
    made_from=("silver/events",),
    high_cardinality=("event_time", "kafka_timestamp"),
    file_bytes=8 * 2**20,
)

SILVER_QUARANTINE = Table(
    "silver/quarantine",
    pl.Schema(
        {
            **_PLACE,
            "kafka_timestamp": UTC_MICROSECONDS,
            "value": pl.Binary(),
            "reason": pl.String(),
            "detail": pl.String(),
            "ingested_at": UTC_MICROSECONDS,
            "batch": pl.Int64(),
            "arrival_date": pl.Date(),
        }
    ),
    ("arrival_date",),
    "One row per refused message or line, byte for byte, with the reason, under the day of its arrival.",
    key=("source", "partition", "offset"),
    made_from=("bronze/events",),
    lineage=dict.fromkeys(("reason", "detail", "arrival_date"), ("value",)),
    columns={
        "reason": "why the message was refused: a reason code of the event contract (docs/events.md)",
        "detail": "the field and the text that was refused",
        "arrival_date": "the UTC day of ingested_at; for an archive line the first day of its month",
    },
)

SILVER_BATCHES = Table(
    "silver/batches",
    pl.Schema(
        {
            "batch": pl.Int64(),
            **{name: kind for name, kind in _PLACE.items() if name != "offset"},
            "start_offset": pl.Int64(),
            "end_offset": pl.Int64(),
            "messages": pl.Int64(),
            "markers": pl.Int64(),
            "lost": pl.Int64(),
            "accepted": pl.Int64(),
            "quarantined": pl.Int64(),
            "duplicates": pl.Int64(),
            "days": pl.List(pl.Date()),
            "ingested_at": UTC_MICROSECONDS,
        }
    ),
    (),
    "The ledger: one row per batch and Kafka partition, with the offsets [start, end) and what became of each message.",
    key=("batch", "source", "partition"),
    made_from=("bronze/events",),
    columns={
        "start_offset": "the first offset of the batch",
        "end_offset": "the offset after the last one of the batch",
        "messages": "messages read",
        "lost": "offsets that were given up: Kafka had deleted their messages; null in batches of older releases",
        "markers": "offsets without a message: transaction markers, aborted records, messages of forgotten users",
    },
)

FORGOTTEN_USERS = Table(
    "silver/forgotten_users",
    pl.Schema(
        {
            "user_hash": pl.String(),
            "forgotten_at": UTC_MICROSECONDS,
            "days": pl.List(pl.Date()),
            "batches": pl.List(pl.Int64()),
            "months": pl.List(pl.Int64()),
        }
    ),
    (),
    "Who was forgotten, as a hash, and what was rewritten for it: an older event of theirs is dropped on arrival.",
    key=("user_hash",),
    cadence=Cadence.UPKEEP,
    sql_alias="forgotten_users",
    columns={
        "user_hash": "SHA-256 of the user's number",
        "forgotten_at": "when the user was forgotten (UTC); later events are new ones",
        "batches": "the batches that brought the rows",
        "months": "the months of the archive that brought the rows, such as 201910",
    },
)
