"""How long a payment takes from its Kafka append to gold: real broker, real sensor and daemon, a shop at full rate.

An observer outside the product polls gold's table several times a second and notes when it first sees each batch.
Add here: figures about the live stream. Not here: a backlog (`throughput`).
"""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import polars as pl

from assets.progress.batches import batch_of
from assets.stream.checks import percentiles
from assets.tables import PRODUCT_SALES, SILVER_EVENTS
from benchmarks.open_dashboard import open_dashboard
from benchmarks.programs import cpu_percent, listed, memory
from benchmarks.system import COMMAND, System, fresh_system, prove_live
from resources.lake import Lake
from salesinsights_dagster.dagster_process import DagsterProcess
from salesinsights_dagster.demo import free_port

LOOK_SECONDS = 0.25
DRAIN_SECONDS = 75
WARM_SECONDS = 60
USUAL_RATE = 50
"""Events a second of a usual shop."""

STAY_MINUTES = 4
"""So that a run hands over to its successor while it is measured."""


class Observer(threading.Thread):
    """Notes the moment at which each batch is first seen in gold."""

    def __init__(self, lake: Lake) -> None:
        super().__init__(daemon=True)
        self.seen: dict[int, datetime] = {}
        self._lake = lake
        self._over = threading.Event()

    def run(self) -> None:
        last = 0
        while not self._over.wait(LOOK_SECONDS):
            now_at = batch_of(self._lake.table(PRODUCT_SALES))
            self.seen.update({batch: datetime.now(UTC) for batch in range(last + 1, now_at + 1)})
            last = now_at

    @property
    def newest(self) -> int:
        """The last batch that was seen in gold."""
        return max(self.seen, default=0)

    def stop(self) -> None:
        self._over.set()
        self.join()


@contextmanager
def observed(system: System) -> Iterator[tuple[DagsterProcess, Observer]]:
    """Dagster on a system, and the observer of its gold; at the end it waits for batches still on their way."""
    dagster = DagsterProcess.start(system.settings, free_port(0), system.env)
    observer = Observer(Lake(system.settings.lake))
    try:
        dagster.await_ready()
        observer.start()
        yield dagster, observer
        time.sleep(DRAIN_SECONDS)
    finally:
        observer.stop()
        dagster.stop()


def run(rate: int, seconds: int) -> list[dict[str, object]]:
    """A line for each rate (a busy shop, a usual one, an idle one) in runs that stay, and in runs of one batch."""
    return [_line(some, seconds, minutes) for some in (rate, USUAL_RATE, 0) for minutes in (STAY_MINUTES, 0)]


def _line(rate: int, seconds: int, minutes: int) -> dict[str, object]:
    """The percentiles of append-to-gold over so many seconds, after one in which all programs have warmed up."""
    with fresh_system(SALESINSIGHTS_STREAM_MINUTES=str(minutes)) as system:
        with observed(system) as (dagster, observer), open_dashboard(system) as dashboard:
            _sell(system, USUAL_RATE, WARM_SECONDS)
            first = observer.newest + 1
            with cpu_percent(dagster.process.pid, dashboard, system.broker_pid) as used:
                _sell(system, rate, seconds)
            held = memory(dagster.process.pid)
        prove_live(system)
        lake = Lake(system.settings.lake)
        waited = waits(lake, observer.seen).filter(pl.col("batch") > first)["wait"]
        batches, files = batch_of(lake.table(PRODUCT_SALES)), lake.table(SILVER_EVENTS).files().height
    return {
        "events/s": rate,
        "runs stay": f"{minutes} minutes" if minutes else "for one batch",
        **percentiles(waited.drop_nulls()),
        "not seen in gold": waited.null_count(),
        "commits": batches,
        "files of silver": files,
        "% of a core": listed(used),
        "all, %": round(sum(used.values()), 1),
        "MB of Dagster": sum(held.values()),
        "nothing unread, audit": "passed",
    }


def _sell(system: System, rate: int, seconds: int) -> None:
    if not rate:
        time.sleep(seconds)
        return
    subprocess.run([COMMAND, "simulate", "--rate", str(rate), "--for", str(seconds)], env=system.env, check=True)


def waits(lake: Lake, seen: dict[int, datetime]) -> pl.DataFrame:
    """Each live purchase: when its batch was `seen` in gold, and the seconds that it waited from its append (`wait`).

    A wait is rounded up by at most LOOK_SECONDS.
    """
    bought = lake.table(SILVER_EVENTS).read("event_type = 'purchase' AND batch > 0", ["batch", "kafka_timestamp"])
    moments = pl.DataFrame({"batch": list(seen), "seen": list(seen.values())}).cast({"batch": pl.Int64})
    wait = (pl.col("seen") - pl.col("kafka_timestamp")).dt.total_milliseconds() / 1_000
    return bought.join(moments, on="batch", how="left").with_columns(wait=wait)
