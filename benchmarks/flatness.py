"""What a batch costs on an empty lake, on one of many rows, and as commits pile up: CPU seconds, as ratios.

Kafka is left out, so that only the lake's own work counts. Add here: something that grows with history.
Not here: absolute speed (`throughput`, `latency`).
"""

import copy
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from unittest.mock import patch

import polars as pl
from rich.progress import track

from assets.bronze.bronze import read_offsets
from assets.stream.compaction import compact
from assets.stream.micro_batch import STREAM_TABLES, micro_batches, open_stream
from assets.stream.run_summary import RunSummary
from assets.tables import BRONZE_EVENTS
from assets.upkeep.lake_files import keep_up
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import MESSAGES, Chunk, KafkaReader, TopicState
from resources.lake import Lake
from resources.table_layout import PROPERTIES
from salesinsights_dagster.commands.terminal import terminal
from salesinsights_dagster.simulator.live import encode
from salesinsights_dagster.simulator.shop import Shop

BATCH = 20_000
MEASURED = 9
MARKS = 4
"""How often the lake is measured on the way through many commits."""
MONTHS = ((2019, 10), (2019, 11), (2019, 12), (2020, 1), (2020, 2))
LIVE = datetime(2026, 1, 1, tzinfo=UTC)
POLL = timedelta(seconds=30)

COMMITS_AN_HOUR = 1_200
"""The pace of a run that stays: at 50 events/s it commits every three seconds."""

LOOKS_AN_HOUR = 120
"""How often such a run loads its tables again and merges small files."""

EVENTS_A_COMMIT = 150
DAYS_BEFORE = 6
COMMITS_A_DAY_BEFORE = 240
"""The days before the measured hours have fewer commits: whatever their number, upkeep leaves a closed day in few files
and an old log in none."""

RETENTION = "delta.deletedFileRetentionDuration"
RETENTION_HOURS = 6
"""Delta Lake goes by the machine's clock here, and the benchmark is in a hurry: its lake keeps a replaced file as long
as it takes to make six hours' commits. The column `replaced files` shows how many there were in the end."""


@dataclass(frozen=True)
class Spent:
    """What a batch took: CPU seconds of all threads together, and wall seconds."""

    cpu: float
    wall: float


class HandFed(KafkaReader):
    """A topic of one partition that holds only the values that it was given last."""

    def __init__(self, lake: Lake) -> None:
        super().__init__(KafkaConnection("none:1"), "shop.events")
        self._end = 0
        self._end = read_offsets(lake.table(BRONZE_EVENTS), self.topic, self.state())[0]
        self._messages = pl.DataFrame(schema=MESSAGES)

    def feed(self, values: list[bytes], now: datetime) -> None:
        offsets = pl.int_range(self._end, self._end + len(values), eager=True)
        frame = pl.DataFrame({"offset": offsets, "value": pl.Series(values, dtype=pl.Binary)})
        constant = {"partition": pl.lit(0), "kafka_timestamp": pl.lit(now), "key": pl.lit(b"1")}
        self._messages = frame.with_columns(**constant).select(MESSAGES.names()).cast(MESSAGES)
        self._end += len(values)

    def state(self) -> TopicState:
        return TopicState("hand-fed", {0: 0}, {0: self._end})

    def read(self, start: Mapping[int, int], end: Mapping[int, int], rows: int) -> Iterator[Chunk]:
        yield Chunk(self._messages, dict(end))


class Bench:
    """A lake, what feeds it, and the time up to which it has events; the next ones come after `start`."""

    def __init__(self, folder: Path, start: datetime = LIVE, shop: Shop | None = None) -> None:
        self.lake = Lake(str(folder))
        self._reader = HandFed(self.lake)
        self._shop = shop or Shop(seed=2)
        self._now = start

    def batch(self, events: int, until: datetime | None = None) -> Spent:
        """One batch of about `events` live events, up to the time `until`; for POLL if none is given."""
        begun, self._now = self._now, until or self._now + POLL
        seconds = (self._now - begun).total_seconds()
        _, values = encode(self._shop.live(begun, seconds, events / seconds))
        return self._process(values, self._now)

    def days_before(self) -> None:
        """The days before the hours at full pace. Afterwards, replaced files stay for six of those hours."""
        begun, commits = time.perf_counter(), DAYS_BEFORE * COMMITS_A_DAY_BEFORE
        self.live_through(commits, COMMITS_A_DAY_BEFORE // 24)
        kept = (time.perf_counter() - begun) / commits * RETENTION_HOURS * COMMITS_AN_HOUR
        PROPERTIES[RETENTION] = f"interval {kept:.0f} seconds"
        self.lake = Lake(self.lake.root)

    def live_through(self, commits: int, an_hour: int = COMMITS_AN_HOUR) -> None:
        """Many small commits through handles that stay open, as a shop's lake sees them.

        Every hour there is upkeep, and the files age.
        """
        tables = open_stream(self.lake)
        for number in track(range(commits), "commits", console=terminal()):
            begun, self._now = self._now, self._now + timedelta(hours=1) / an_hour
            seconds = (self._now - begun).total_seconds()
            self._reader.feed(encode(self._shop.live(begun, seconds, EVENTS_A_COMMIT / seconds))[1], self._now)
            list(micro_batches(tables, self._reader, lambda: self._now, 10**9, 45))
            if number % max(1, an_hour // LOOKS_AN_HOUR) == 0:
                compact(self.lake)
                tables.refresh(STREAM_TABLES)
            if number % an_hour == 0:
                self._age(timedelta(hours=1))
                list(keep_up(self.lake, self._now))

    def _age(self, by: timedelta) -> None:
        """Make every file of the lake older: upkeep goes by the age of files, and the benchmark is in a hurry."""
        for path in Path(self.lake.root).rglob("*"):
            if path.is_file():
                written = path.stat().st_mtime - by.total_seconds()
                os.utime(path, (written, written))

    def load_history(self, rows: int) -> None:
        """Load `rows` events of five past months."""
        for year, month in track(MONTHS, "months of history", console=terminal()):
            for day in self._shop.month(year, month, rows // len(MONTHS)):
                self._process(encode(day)[1], self._now)

    def _process(self, values: list[bytes], now: datetime) -> Spent:
        self._reader.feed(values, now)
        summary = RunSummary()
        begun, begun_wall = time.process_time(), time.perf_counter()
        tables = open_stream(self.lake)
        for receipt in micro_batches(tables, self._reader, lambda: now, 10**9, 45):
            summary.add(receipt)
        compact(tables)
        return Spent(time.process_time() - begun, time.perf_counter() - begun_wall)

    def sizes(self) -> dict[str, object]:
        """Rows and data files of bronze; the entries of its log, and the replaced files that its last checkpoint names;
        and the size of all logs of the lake on disk."""
        log = Path(self.lake.uri(BRONZE_EVENTS)) / "_delta_log"
        bytes_of_logs = sum(path.stat().st_size for path in Path(self.lake.root).rglob("_delta_log/*"))
        table = self.lake.table(BRONZE_EVENTS)
        last = max(log.glob("*.checkpoint.parquet"))
        return {
            "bronze rows": table.rows,
            "files": len(table.file_uris()),
            "log entries": len(list(log.iterdir())),
            "replaced files": pl.read_parquet(last, columns=["remove"])["remove"].drop_nulls().len(),
            "logs MB": round(bytes_of_logs / 1e6, 1),
        }

    def twin(self, folder: Path) -> "Bench":
        """A copy of the lake in a second folder, which from here on changes by itself."""
        twin = copy.copy(self)
        twin._reader, twin._shop = copy.deepcopy((self._reader, self._shop))
        twin.lake = Lake(str(shutil.copytree(self.lake.root, folder)))
        return twin


def run(rows: int, commits: int) -> list[dict[str, object]]:
    """A line for a lake of `rows` of history, and one at each mark of `commits` commits; each beside an empty lake.

    The commits are the last hours of a week, at the pace of a run that stays.
    """
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-") as folder, patch.dict(PROPERTIES):
        empty, full, old = (Bench(Path(folder) / name) for name in ("empty", "full", "old"))
        for bench in (empty, full, old):
            bench.batch(BATCH)
        full.load_history(rows)
        lines = [beside(empty, full, f"{rows:,} rows", Path(folder))]
        old.days_before()
        lines.append(beside(empty, old, f"after {DAYS_BEFORE} days", Path(folder)))
        for mark in range(1, MARKS + 1):
            old.live_through(commits // MARKS)
            lines.append(beside(empty, old, f"after {mark * (commits // MARKS):,} commits", Path(folder)))
        return lines


def beside(empty: Bench, other: Bench, name: str, folder: Path) -> dict[str, object]:
    """The CPU of a batch on twins of two lakes, in turns, so that a noisy moment of the machine affects both."""
    with tempfile.TemporaryDirectory(dir=folder) as apart:
        first, second = empty.twin(Path(apart) / "empty"), other.twin(Path(apart) / "other")
        turns = [(first.batch(BATCH).cpu, second.batch(BATCH).cpu) for _ in range(MEASURED)]
    return {
        "lake": name,
        "CPU s a batch": round(median(turn[1] for turn in turns), 3),
        "on an empty lake": round(median(turn[0] for turn in turns), 3),
        "ratio": round(median(turn[1] / turn[0] for turn in turns), 2),
        **other.sizes(),
    }
