"""How the stream is doing: the backlog, the last batches, what was refused, the results of checks.

Add here: a figure about the stream itself. Not here: sales (`figures`), how Dagster is asked (`dagster_history`).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl
from confluent_kafka import KafkaException

from assets.bronze.bronze import OffsetsLostError, next_offsets, read_offsets
from assets.progress.batches import batch_of
from assets.tables import BRONZE_ARCHIVE_MONTHS, BRONZE_EVENTS, SILVER_BATCHES, SILVER_EVENTS, SILVER_QUARANTINE, TABLES
from resources.duckdb_engine import duckdb_session, query
from resources.kafka_reader import KafkaReader, KafkaUnavailableError, TopicMissingError, TopicState
from resources.lake import Lake
from resources.lake_errors import LakeError
from salesinsights_dagster.dashboard.dagster_history import RunHistory
from salesinsights_dagster.dashboard.dashboard_sql import dashboard_sql

BATCHES_SHOWN = 20
QUARANTINE_DAYS = 7

_LAG = pl.Schema({name: pl.Int64() for name in ("partition", "committed", "end", "lag", "lost")})
_SIZES = pl.Schema({"table": pl.String(), "rows": pl.Int64(), "files": pl.Int64(), "bytes": pl.Int64()})


@dataclass(frozen=True)
class StreamHealth:
    """What was found at `at`. `error` says what could not be read; the frames that depend on it are then empty.

    `kafka_answers` is None if Kafka was not asked. `loss` names the offsets that Kafka deleted before they were read,
    and the remedy. `lag`: partition, committed, end, lag (what can still be read), lost. `batches`, `reasons`: as their
    SQL says. `months`: those of history, the last loaded first: month, file, lines, accepted, quarantined, duplicates,
    ingested_at. `sizes`: table, rows, files, bytes.
    `checks`, `stages`: as `RunHistory` says.
    """

    at: datetime
    error: str | None = None
    kafka_answers: bool | None = None
    loss: str | None = None
    lag: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_LAG))
    batches: pl.DataFrame = field(default_factory=pl.DataFrame)
    reasons: pl.DataFrame = field(default_factory=pl.DataFrame)
    months: pl.DataFrame = field(default_factory=pl.DataFrame)
    sizes: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_SIZES))
    history: RunHistory = field(default_factory=RunHistory)

    @property
    def checks(self) -> pl.DataFrame:
        return self.history.checks

    @property
    def stages(self) -> pl.DataFrame:
        return self.history.stages


class HealthWatch:
    """The newest look at the stream, shared by all pages. One loop calls `look`."""

    def __init__(
        self,
        lake: Lake,
        open_reader: Callable[[], KafkaReader],
        clock: Callable[[], datetime],
        read_history: Callable[[], RunHistory] = RunHistory,
    ) -> None:
        self._lake = lake
        self._read_history = read_history
        self._open_reader = open_reader
        self._clock = clock
        self._lock = threading.Lock()
        self._newest: StreamHealth | None = None

    @property
    def newest(self) -> StreamHealth | None:
        with self._lock:
            return self._newest

    def look(self) -> None:
        """Ask the lake and Kafka. If one can't be read, `error` says so, and the next look tries again."""
        found = self._ask(self._clock())
        with self._lock:
            self._newest = found

    def _ask(self, now: datetime) -> StreamHealth:
        history = self._read_history()
        try:
            seen = StreamHealth(
                now,
                batches=_batches(self._lake),
                reasons=_reasons(self._lake, now),
                months=loaded_months(self._lake),
                sizes=_sizes(self._lake),
                history=history,
            )
        except LakeError as error:
            return StreamHealth(now, str(error), history=history)
        try:
            lag, loss = self._lag()
            return replace(seen, kafka_answers=True, loss=loss, lag=lag)
        except (KafkaUnavailableError, TopicMissingError) as error:
            fault = str(error)
        except KafkaException as error:
            fault = f"Kafka refused: {error.args[0].str()}"
        return replace(seen, error=fault, kafka_answers=False)

    def _lag(self) -> tuple[pl.DataFrame, str | None]:
        """The lag of each partition, and which offsets are lost, if any."""
        reader, bronze = self._open_reader(), self._lake.table(BRONZE_EVENTS)
        state, loss = reader.state(), None
        try:
            next_offsets(bronze, reader.topic, state)
        except OffsetsLostError as error:
            loss = str(error)
        committed = read_offsets(bronze, reader.topic, state)
        rows = [_lag_of(place, committed[place], state) for place in sorted(state.end)]
        return pl.DataFrame(rows, schema=_LAG, orient="row"), loss


def _lag_of(partition: int, committed: int, state: TopicState) -> tuple[int, int, int, int, int]:
    start, end = state.start[partition], state.end[partition]
    return partition, committed, end, max(0, end - max(start, committed)), max(0, start - committed)


def _batches(lake: Lake) -> pl.DataFrame:
    last = batch_of(lake.table(SILVER_EVENTS))
    ledger = lake.table(SILVER_BATCHES).read(f"batch > {last - BATCHES_SHOWN}")
    with duckdb_session({"ledger": ledger}) as connection:
        return query(connection, dashboard_sql("batches"))


def _reasons(lake: Lake, now: datetime) -> pl.DataFrame:
    """By when they were refused: a line of the archive lies under its month, which may be years ago."""
    since = now - timedelta(days=QUARANTINE_DAYS)
    refused = lake.table(SILVER_QUARANTINE).read(
        f"ingested_at >= TIMESTAMP '{since:%FT%TZ}'", ["reason", "ingested_at"]
    )
    with duckdb_session({"quarantine": refused}) as connection:
        return query(connection, dashboard_sql("quarantine_reasons"))


_OF_MONTH = ["month", "file", "lines", "accepted", "quarantined", "duplicates", "ingested_at"]


def loaded_months(lake: Lake) -> pl.DataFrame:
    """The months of history, the last loaded first."""
    months = lake.table(BRONZE_ARCHIVE_MONTHS).read("sha256 <> ''", _OF_MONTH)
    return months.sort("ingested_at", "month", descending=True)


def history_loaded_at(lake: Lake) -> datetime | None:
    """When a month of history was last loaded (UTC)."""
    months = loaded_months(lake)
    return months.item(0, "ingested_at") if months.height else None


def _sizes(lake: Lake) -> pl.DataFrame:
    rows = []
    for name, layout in TABLES.items():
        files = lake.table(layout).files()
        rows.append((name, files["num_records"].sum(), files.height, files["size_bytes"].sum()))
    return pl.DataFrame(rows, schema=_SIZES, orient="row")
