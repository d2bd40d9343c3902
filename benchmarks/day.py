"""What a batch costs at the end of a busy day, compared with the same batch on an empty day: the stream's whole run in
Dagster, and each reader of gold; CPU seconds, in turns.

Each side has its own process, which stays warm: the start of a run's process is not in these figures.
Add here: something that a running day could make more expensive. Not here: history (`flatness`), wall time (`hours`).
"""

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from threading import Event

import dagster as dg

from assets.gold.restatements import record_restatements
from assets.serving.duckdb_file import publish_serving
from assets.tables.topics import events_topic
from benchmarks.alone import peak_mb
from benchmarks.busy_day import BusyDay, load_day
from benchmarks.system import COMMAND, fresh_system, run_measured
from resources.kafka_topics import ensure_topic
from resources.lake import Lake
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.spans import SPANS
from salesinsights_dagster.dashboard.view import View
from salesinsights_dagster.definitions import build_definitions
from salesinsights_dagster.settings import load_settings
from salesinsights_dagster.simulator.publisher import Publisher, open_producer

BATCH = 30_000
WARM_UP, MEASURED = 3, 9
LEFT = timedelta(minutes=45)
"""How much of the day is left for the measured batches, and for loading."""

Spent = Mapping[str, Mapping[str, float]]
"""Per kind of work: CPU seconds, wall seconds, and the peak memory of the process so far in MB."""


def run(events: int) -> list[dict[str, object]]:
    """A line for the stream's run and for each reader of gold: on the busy day, on the empty one, and the ratio."""
    with fresh_system() as system, tempfile.TemporaryDirectory(prefix="salesinsights-bench-") as folder:
        day = load_day(system, events, LEFT)
        empty = {
            **system.env,
            "SALESINSIGHTS_HOME": folder,
            "SALESINSIGHTS_TOPIC": "empty.events",
            "SALESINSIGHTS_SALES_TOPIC": "empty.sales",
            "KAFKA_BOOTSTRAP_SERVERS": system.connection.bootstrap_servers,
        }
        ensure_topic(system.connection, events_topic("empty.events"))
        with _side(empty) as on_empty, _side(system.env) as on_busy:
            turns = [_turn(day, (on_empty, on_busy)) for _ in range(WARM_UP + MEASURED)][WARM_UP:]
        audit = run_measured([COMMAND, "audit", "--json"], system.env).json()
    if not audit["passed"]:
        raise RuntimeError(f"the audit found {audit['findings']}")
    return [{**_line(what, turns), **(day.figures() if what == "stream run" else _BLANK)} for what in turns[0][0]]


_BLANK = dict.fromkeys(("events on the day", "ingest, events/s", "ingest, CPU s", "ingest, peak MB"), "")


@dataclass(frozen=True)
class _Side:
    topic: str
    work: Callable[[], Spent]


@contextmanager
def _side(env: Mapping[str, str]) -> Iterator[_Side]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        yield _Side(load_settings(env).topic, lambda: process.submit(_work, dict(env)).result())


def _turn(day: BusyDay, sides: Sequence[_Side]) -> list[Spent]:
    """Send the same events to both sides, one after the other."""
    values, spent = day.batch(BATCH), []
    for side in sides:
        publish = Publisher(open_producer(day.system.connection), side.topic, Event())
        publish([b"1"] * len(values), values)
        publish.close()
        spent.append(side.work())
    return spent


def _line(what: str, turns: Sequence[Sequence[Spent]]) -> dict[str, object]:
    empty, busy = ([turn[side][what] for turn in turns] for side in (0, 1))
    cpu = [median(spent["cpu"] for spent in side) for side in (empty, busy)]
    return {
        "what": what,
        "CPU s on the busy day": round(cpu[1], 3),
        "CPU s on an empty one": round(cpu[0], 3),
        "ratio": round(cpu[1] / max(cpu[0], 0.001), 2),
        "wall s": round(median(spent["wall"] for spent in busy), 3),
        "wall s, empty": round(median(spent["wall"] for spent in empty), 3),
        "peak MB": round(max(spent["peak_mb"] for spent in busy)),
        "peak MB, empty": round(max(spent["peak_mb"] for spent in empty)),
    }


def _work(env: dict[str, str]) -> Spent:
    """In a side's own process: one run of the stream, then each reader of gold."""
    os.environ.update(env)
    logging.disable(logging.CRITICAL)
    location = _location(env["SALESINSIGHTS_HOME"])
    return {what: _measured(work) for what, work in location.items()}


def _measured(work: Callable[[], object]) -> dict[str, float]:
    begun, begun_wall = time.process_time(), time.perf_counter()
    work()
    cpu, wall = time.process_time() - begun, time.perf_counter() - begun_wall
    return {"cpu": cpu, "wall": wall, "peak_mb": peak_mb()}


@cache
def _location(home: str) -> dict[str, Callable[[], object]]:
    settings = load_settings(os.environ)
    job = build_definitions(settings).resolve_job_def("stream")
    instance, lake = dg.DagsterInstance.ephemeral(), Lake(settings.lake)
    board = Board(lake, lambda: datetime.now(UTC), settings.window_seconds)
    return {
        "stream run": lambda: job.execute_in_process(instance=instance),
        "restatements": lambda: record_restatements(lake, datetime.now(UTC)),
        "dashboard: look": board.look,
        **{f"dashboard: {span.title}": partial(board.figures, View(name)) for name, span in SPANS.items()},
        "serving.duckdb": lambda: publish_serving(lake, Path(home) / "serving.duckdb"),
    }
