"""Five months on two workers, one of which is killed in the middle: what becomes of their runs, and how long it takes.

The two are processes of this machine with homes of their own: the figures show that nothing is lost, and no speed-up.
Add here: figures about runs on several machines. Not here: the months on one machine (`backfill`).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb

from assets.tables import BRONZE_ARCHIVE_MONTHS, PRODUCT_SALES
from assets.upkeep.audit import audit
from benchmarks.backfill import LAUNCH, MONTHS, REVENUE, STATUS
from benchmarks.system import System, fresh_system, generate_months
from resources.foreseen_error import ForeseenError
from resources.lake import Lake
from salesinsights_dagster.dagster_process import DagsterProcess
from salesinsights_dagster.demo import free_port
from salesinsights_dagster.settings import load_settings
from tests.postgres import running_postgres
from tests.workers import MISSING, Worker, running_redis

PATIENCE = 3_600
RUNS = """
query ($tags: [ExecutionTag!]!) { runsOrError(filter: {tags: $tags}) { ... on Runs { results {
    runId status startTime endTime tags { key value } } } } }
"""
EVENTS = """
query ($id: ID!) { logsForRun(runId: $id, limit: 1000) { ... on EventConnection { events {
    ... on MessageEvent { message timestamp } } } } }
"""
LOST, GOES_ON = "Detected run worker status", "Started process for resuming job"


class NoWorkersError(ForeseenError):
    """A program or package is missing; the message names it."""


def run(rows: int) -> list[list[dict[str, object]]]:
    """A row per month's run, and the figures of all. Raises NoWorkersError without Celery or Redis."""
    if MISSING:
        raise NoWorkersError(MISSING)
    with fresh_system() as system, _machines(system) as (dagster, workers):
        generate_months(system, MONTHS, rows)
        begun = time.perf_counter()
        backfill = _launched(dagster)
        lost = _awaited(lambda: next(filter(_is_in_the_middle, workers), None))
        lost.kill()
        killed = time.time()
        status = _awaited(lambda: _end_of(dagster, backfill))
        seconds = time.perf_counter() - begun
        runs = [_row(dagster, one, killed) for one in _runs_of(dagster, backfill)]
        return [runs, [_whole(system, runs, rows, status, seconds)]]


def _whole(system: System, runs: list[dict[str, object]], rows: int, status: str, seconds: float) -> dict[str, object]:
    lake = Lake(system.settings.lake)
    sold = lake.table(PRODUCT_SALES).read(columns=["revenue"])["revenue"].sum()
    return {
        "the backfill ended as": status,
        "runs, of them whole": f"{len(runs)}, {sum(one['ended as'] == 'SUCCESS' for one in runs)}",
        "rows": int(lake.table(BRONZE_ARCHIVE_MONTHS).read()["lines"].sum()),
        "seconds, launch to end": round(seconds, 1),
        "revenue equals DuckDB over the files": sold == _revenue(system.settings.archive_folder),
        "the audit found nothing": audit(lake).findings == [],
    }


@contextmanager
def _machines(system: System) -> Iterator[tuple[DagsterProcess, list[Worker]]]:
    """Dagster, and two workers with four places each: homes of their own, one lake, one archive folder."""
    folder = system.settings.home
    system.settings.archive_folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        shared = {
            **system.env,
            "SALESINSIGHTS_LAKE": system.settings.lake,
            "SALESINSIGHTS_CELERY": stack.enter_context(running_redis(folder)),
            "SALESINSIGHTS_DAGSTER_DB": stack.enter_context(running_postgres()),
            "SALESINSIGHTS_BACKFILL_RUNS": "2",
            "KAFKA_BOOTSTRAP_SERVERS": system.connection.bootstrap_servers,
        }
        workers = []
        for name in ("one", "two"):
            home = folder / name
            home.mkdir()
            (home / "archive").symlink_to(system.settings.archive_folder)
            workers.append(Worker.start(home, shared, "--places", "4"))
            stack.callback(workers[-1].kill)
        dagster = DagsterProcess.start(load_settings(shared), free_port(0), shared)
        stack.callback(dagster.stop)
        dagster.await_ready()
        yield dagster, workers


def _launched(dagster: DagsterProcess) -> str:
    asset = {"path": BRONZE_ARCHIVE_MONTHS.name.split("/")}
    params = {"assetSelection": [asset], "partitionNames": [month.isoformat() for month in MONTHS]}
    backfill: str = dagster.ask(LAUNCH, {"params": params})["launchPartitionBackfill"]["backfillId"]
    return backfill


def _is_in_the_middle(worker: Worker) -> bool:
    """Whether it has lines of a month in bronze, and none of them in silver and gold."""
    said = worker.log.read_text()
    return " - bronze: " in said and " - silver and gold: " not in said


def _end_of(dagster: DagsterProcess, backfill: str) -> str | None:
    status: str = dagster.ask(STATUS, {"id": backfill})["partitionBackfillOrError"]["status"]
    return None if status == "REQUESTED" else status


def _awaited(ask: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not come to its end within {PATIENCE} seconds")
        time.sleep(0.2)
    return found


def _runs_of(dagster: DagsterProcess, backfill: str) -> list[dict[str, Any]]:
    tags = [{"key": "dagster/backfill", "value": backfill}]
    found: list[dict[str, Any]] = dagster.ask(RUNS, {"tags": tags})["runsOrError"]["results"]
    return sorted(found, key=_month)


def _month(run: dict[str, Any]) -> str:
    return next(str(tag["value"]) for tag in run["tags"] if tag["key"] == "dagster/asset_partition_range_start")


def _row(dagster: DagsterProcess, run: dict[str, Any], killed: float) -> dict[str, object]:
    events = dagster.ask(EVENTS, {"id": run["runId"]})["logsForRun"]["events"]
    said = [(one["message"], float(one["timestamp"]) / 1000) for one in events if one.get("message")]
    found = [at for message, at in said if message.startswith(LOST)]
    went_on = [at for message, at in said if message.startswith(GOES_ON)]
    return {
        "month": _month(run)[:7],
        "ended as": run["status"],
        "seconds": round(run["endTime"] - run["startTime"], 1),
        "lost, found out after s": round(found[0] - killed, 1) if found else "",
        "went on after s": round(went_on[0] - killed, 1) if went_on else "",
    }


def _revenue(archive: Path) -> object:
    sums = [duckdb.connect().execute(REVENUE, [str(path)]).fetchone() for path in archive.iterdir()]
    return sum(found[0] for found in sums if found)
