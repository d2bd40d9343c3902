"""The tables of single events: bronze and silver, their ledgers, and who was forgotten.

Add here: a table of events as they came, or of what became of them. Not here: what they amount to.
"""

import polars as pl

from assets.events.contract import EVENT, EXTRA, UTC_MICROSECONDS
from resources.lake_table import TableLayout

ARCHIVE = "archive"
"""The source of what came from a month's file; its partition is the month as a number, such as 201910."""

_PLACE = {"source": pl.String(), "partition": pl.Int32(), "offset": pl.Int64()}
"""Where an event came from: the topic, its partition, and the message's offset; or the archive, the month, the line."""

BRONZE_EVENTS = TableLayout(
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
    "Every message and every line of the archive as it came, byte for byte, under the day of its event (an unreadable "
    "one under its arrival day).",
    high_cardinality=("offset", "key", "value"),
)

BRONZE_ARCHIVE_MONTHS = TableLayout(
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
    "The ledger of the archive: one row per month that was loaded from a file, and what became of each of its lines.",
)

SILVER_EVENTS = TableLayout(
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
    high_cardinality=("event_time", "user_session", "event_id", "offset"),
)

SILVER_PURCHASES = TableLayout(
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
    high_cardinality=("event_time", "kafka_timestamp"),
    file_bytes=8 * 2**20,
)

SILVER_QUARANTINE = TableLayout(
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
)

SILVER_BATCHES = TableLayout(
    "silver/batches",
    pl.Schema(
        {
            "batch": pl.Int64(),
            **{name: kind for name, kind in _PLACE.items() if name != "offset"},
            "start_offset": pl.Int64(),
            "end_offset": pl.Int64(),
            "messages": pl.Int64(),
            "markers": pl.Int64(),
            "accepted": pl.Int64(),
            "quarantined": pl.Int64(),
            "duplicates": pl.Int64(),
            "days": pl.List(pl.Date()),
            "ingested_at": UTC_MICROSECONDS,
        }
    ),
    (),
    "The ledger: one row per batch and Kafka partition, with the offsets [start, end) and what became of each message.",
)

FORGOTTEN_USERS = TableLayout(
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
    "Who was forgotten, as a hash, and what was rewritten for it: an older event of theirs is dropped when it comes.",
)
