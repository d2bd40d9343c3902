"""The stream's alarms: it stands still, falls behind, lost offsets, or refuses too much.

Each alarm has a name and a text, None if all is well. An alarm that can't be judged now is left out.
Add here: an alarm about the lake or Kafka. Not here: failed runs and checks, or who is told (`sensors.alert_sensor`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from assets.bronze.bronze import OffsetsLostError
from assets.progress.batches import batch_of
from assets.tables import SILVER_BATCHES, SILVER_EVENTS
from resources.kafka_reader import KafkaUnavailableError, TopicMissingError
from resources.lake import Lake

Alarms = Mapping[str, str | None]

STALLED_AFTER = timedelta(minutes=1)
"""Two polls: while events come, a healthy stream has committed a batch by then. After a quiet spell it has not, so
whoever tells the alarm waits until it has held for a while."""

LAG_LIMIT = 500_000
"""Messages: more than a few batches, which take longer than a minute or so."""

FLOOD_BATCHES, FLOOD_SHARE, FLOOD_LEAST = 10, 0.05, 100
"""A flood of refusals: this share of the messages in this many batches, and at least this many messages."""


@dataclass(frozen=True)
class Ledger:
    """The newest batches: when the last one was read (None before the first), messages and refusals."""

    last_at: datetime | None
    messages: int
    quarantined: int


def newest_batches(lake: Lake) -> Ledger:
    """The ledger of the newest FLOOD_BATCHES batches."""
    last = batch_of(lake.table(SILVER_EVENTS))
    rows = lake.table(SILVER_BATCHES).read(
        f"batch > {last - FLOOD_BATCHES}", ["ingested_at", "messages", "quarantined"]
    )
    newest = rows.filter(pl.col("ingested_at") == pl.col("ingested_at").max())["ingested_at"]
    return Ledger(newest[0] if len(newest) else None, int(rows["messages"].sum()), int(rows["quarantined"].sum()))


def stream_alarms(ledger: Ledger, unread: Callable[[], int], now: datetime) -> Alarms:
    """The alarms `kafka`, `lost_offsets`, `stalled`, `lag` and `quarantine_flood`."""
    flood = {"quarantine_flood": _flood(ledger)}
    try:
        waiting = unread()
    except OffsetsLostError as error:
        return {**flood, "kafka": None, "lost_offsets": str(error)}
    except (KafkaUnavailableError, TopicMissingError) as error:
        return {**flood, "kafka": str(error)}
    found = {"kafka": None, "lost_offsets": None, "stalled": _stalled(ledger, waiting, now), "lag": _lag(waiting)}
    return {**flood, **found}


def _stalled(ledger: Ledger, waiting: int, now: datetime) -> str | None:
    if not waiting or ledger.last_at is None or now - ledger.last_at <= STALLED_AFTER:
        return None
    return (
        f"the stream stands still: {waiting:,} messages wait, the last batch was read at {ledger.last_at:%F %T} UTC. "
        "The Dagster UI shows its runs (/jobs/stream) and what the sensor kafka does (Automation)"
    )


def _lag(waiting: int) -> str | None:
    if waiting <= LAG_LIMIT:
        return None
    return f"the stream is behind: {waiting:,} messages wait in Kafka. The dashboard's page /health shows where"


def _flood(ledger: Ledger) -> str | None:
    refused, of = ledger.quarantined, ledger.messages
    if refused < max(FLOOD_LEAST, FLOOD_SHARE * of):
        return None
    return (
        f"{refused:,} of the last {of:,} messages were refused: "
        "salesinsights quarantine list says why, replay tries them again"
    )
