"""Months of history, backfilled as the UI does it, while a shop sells: speed, memory, sums, and the live latency.

Add here: figures about the archive beside a shop. Not here: the live stream alone (`latency`), or the load of a month
alone (`same_job`).
"""

import threading
import time
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import psutil  # type: ignore[import-untyped]

from assets.stream.checks import percentiles
from assets.tables import BRONZE_ARCHIVE_MONTHS, PRODUCT_SALES
from benchmarks.latency import observed, waits
from benchmarks.system import fresh_system, generate_months, prove_live, selling
from resources.lake import Lake
from salesinsights_dagster.dagster_process import DagsterProcess

MONTHS = (date(2019, 10, 1), date(2019, 11, 1), date(2019, 12, 1), date(2020, 1, 1), date(2020, 2, 1))
RATE = 200
IDLE_SECONDS = 240

LAUNCH = """
mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
    ... on LaunchBackfillSuccess { backfillId } } }
"""
STATUS = "query ($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"
REVENUE = """
SELECT sum(price) FROM (SELECT DISTINCT * FROM read_csv(?, types = {'price': 'DECIMAL(12,2)'}))
WHERE event_type = 'purchase'
"""


def run(rows: int) -> dict[str, object]:
    """Generate five months of `rows` in all, backfill them through GraphQL beside RATE events a second, and compare."""
    with fresh_system() as system:
        archive = system.settings.archive_folder
        generate_months(system, MONTHS, rows)
        with observed(system) as (dagster, observer), selling(system, RATE):
            time.sleep(IDLE_SECONDS)
            begun = time.time()
            seconds, peak = _backfill(dagster)
            ended = time.time()
        lake = Lake(system.settings.lake)
        live = waits(lake, observer.seen)
        prove_live(system)
        ledger = lake.table(BRONZE_ARCHIVE_MONTHS).read()
        loaded = int(ledger["lines"].sum())
        return {
            "rows": loaded,
            "seconds, launch to end": round(seconds, 1),
            "rows/s": round(loaded / seconds),
            "peak memory of a run MB": round(peak),
            "revenue equals DuckDB over the files": _revenue(archive) == _gold(lake),
            **_latency("idle", live.filter(pl.col("seen").dt.timestamp("ms") < begun * 1000)),
            **_latency(
                "beside the backfill",
                live.filter(pl.col("seen").dt.timestamp("ms").is_between(begun * 1000, ended * 1000)),
            ),
            "nothing unread, and the audit passed": True,
        }


def _revenue(archive: Path) -> object:
    sums = [duckdb.connect().execute(REVENUE, [str(path)]).fetchone() for path in archive.iterdir()]
    return sum(found[0] for found in sums if found)


def _gold(lake: Lake) -> object:
    return lake.table(PRODUCT_SALES).read(f"event_date < DATE '{date(2020, 3, 1)}'", ["revenue"])["revenue"].sum()


def _backfill(dagster: DagsterProcess) -> tuple[float, float]:
    """Seconds from the launch to the end, and the peak memory of a run in MB."""
    asset = {"path": BRONZE_ARCHIVE_MONTHS.name.split("/")}
    params = {"assetSelection": [asset], "partitionNames": [month.isoformat() for month in MONTHS]}
    begun, peak = time.perf_counter(), _Peak(dagster.process.pid)
    peak.start()
    launched = dagster.ask(LAUNCH, {"params": params})["launchPartitionBackfill"]["backfillId"]
    while (status := dagster.ask(STATUS, {"id": launched})["partitionBackfillOrError"]["status"]) == "REQUESTED":
        time.sleep(1)
    if status != "COMPLETED_SUCCESS":
        raise RuntimeError(f"the backfill ended as {status}: see {dagster.log}")
    return time.perf_counter() - begun, peak.stop()


class _Peak(threading.Thread):
    """Polls the memory of every child of a process, and keeps the largest of a single one, in MB."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root = psutil.Process(pid)
        self._most = 0.0
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.5):
            for process in self._root.children(recursive=True):
                try:
                    self._most = max(self._most, process.memory_info().rss / 2**20)
                except psutil.NoSuchProcess:
                    continue

    def stop(self) -> float:
        self._over.set()
        self.join()
        return self._most


def _latency(when: str, live: pl.DataFrame) -> dict[str, object]:
    return {f"{when}: {name}": figure for name, figure in percentiles(live["wait"]).items()}
