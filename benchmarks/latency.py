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
from benchmarks.system import COMMAND, System, fresh_system, prove_live, run_measured
from resources.lake import Lake
from salesinsights_dagster.dagster_process import DagsterProcess
from salesinsights_dagster.demo import free_port

LOOK_SECONDS = 0.25
DRAIN_SECONDS = 75


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

    def stop(self) -> None:
        self._over.set()
        self.join()


@contextmanager
def observed(system: System) -> Iterator[tuple[DagsterProcess, Observer]]:
    """Dagster on a system, and the observer of its gold; at the end it waits for batches still on their way."""
    dagster = DagsterProcess.start(system.settings, free_port(3000), system.env)
    observer = Observer(Lake(system.settings.lake))
    try:
        dagster.await_ready()
        observer.start()
        yield dagster, observer
        time.sleep(DRAIN_SECONDS)
    finally:
        observer.stop()
        dagster.stop()


def run(rate: int, seconds: int) -> dict[str, object]:
    """The percentiles of append-to-gold for a shop with `rate` events a second, over `seconds` seconds."""
    with fresh_system() as system:
        with observed(system) as (_, observer):
            subprocess.run(
                [COMMAND, "simulate", "--rate", str(rate), "--for", str(seconds)], env=system.env, check=True
            )
        prove_live(system)
        audit = run_measured([COMMAND, "audit", "--json"], system.env).json()
        waited = waits(Lake(system.settings.lake), observer.seen)["wait"]
    figures = percentiles(waited)
    return {
        "events": audit["messages"],
        "batches": audit["batches"],
        **figures,
        "not in gold": audit["covered"]["silver_events"] - audit["covered"]["product_sales"],
        "audit": "passed" if audit["passed"] else audit["findings"],
    }


def waits(lake: Lake, seen: dict[int, datetime]) -> pl.DataFrame:
    """Each live purchase: when its batch was `seen` in gold, and the seconds that it waited from its append (`wait`).

    A wait is rounded up by at most LOOK_SECONDS.
    """
    bought = lake.table(SILVER_EVENTS).read("event_type = 'purchase' AND batch > 0", ["batch", "kafka_timestamp"])
    moments = pl.DataFrame({"batch": list(seen), "seen": list(seen.values())}).cast({"batch": pl.Int64})
    wait = (pl.col("seen") - pl.col("kafka_timestamp")).dt.total_milliseconds() / 1_000
    return bought.join(moments, on="batch", how="left").with_columns(wait=wait)
