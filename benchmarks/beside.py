"""How much the customer assets delay a payment on its way to gold: with their automation stopped, and with it running.

One shop and one lake, with months of history that the assets compute once their automation starts. Add here: what runs
beside the stream by automation. Not here: the stream alone (`latency`), or a backfill beside it (`backfill`).
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import polars as pl

from assets.stream.checks import percentiles
from assets.tables import CUSTOMER_VALUE
from benchmarks.latency import observed, waits
from benchmarks.system import COMMAND, System, fresh_system, generate_months, prove_live, selling
from resources.lake import Lake
from salesinsights_dagster.dagster_process import DagsterProcess, prepare_home
from salesinsights_dagster.settings import CHECKOUT
from sensors.customer_automation import customer_automation

MONTHS = 5
SETTLE_SECONDS = 60
"""After the start, before anything is measured."""

RUNS = """
{ runsOrError(filter: {tags: [{key: "salesinsights/kind", value: "customers"}]}) { ... on Runs { results {
    status startTime endTime } } } }
"""


def run(rate: int, seconds: int, rows: int) -> list[dict[str, object]]:
    """A line without the assets, one with them, and one for the payments that came during a run of them.

    Raises RuntimeError if a run of the assets failed, or something is missing in the end.
    """
    with fresh_system() as system:
        prepare_home(system.settings)
        _switch("stop", system)
        _load_history(system, rows)
        with observed(system) as (dagster, observer):
            with selling(system, rate):
                time.sleep(SETTLE_SECONDS)
                marks = [datetime.now(UTC)]
                time.sleep(seconds)
                marks.append(datetime.now(UTC))
                _switch("start", system)
                time.sleep(seconds)
                marks.append(datetime.now(UTC))
            runs = _runs(dagster)
        prove_live(system)
        if not runs:
            raise RuntimeError(f"the customer assets had no run in {seconds} s: give them more time")
        lake = Lake(system.settings.lake)
        live, appended = waits(lake, observer.seen), pl.col("kafka_timestamp")
        without, beside = (live.filter(appended.is_between(*phase)) for phase in pairwise(marks))
        met = [(pl.col("seen") >= begun) & (appended <= ended) for begun, ended in runs]
        took = [round((ended - begun).total_seconds(), 1) for begun, ended in runs]
        none = {"runs": 0, "longest run, s": 0.0, "buyers": ""}
        some = {"runs": len(runs), "longest run, s": max(took), "buyers": lake.table(CUSTOMER_VALUE).rows}
        return [
            {"customer assets": "stopped", **percentiles(without["wait"]), **none},
            {"customer assets": "running", **percentiles(beside["wait"]), **some},
            {"customer assets": "during a run", **percentiles(live.filter(pl.any_horizontal(met))["wait"]), **some},
        ]


def _load_history(system: System, rows: int) -> None:
    months = list(_months_before(datetime.now(UTC).date()))
    generate_months(system, months, rows)
    reach = ["--from", f"{months[0]:%Y-%m}", "--to", f"{months[-1]:%Y-%m}"]
    subprocess.run([COMMAND, "backfill", *reach], env=system.env, check=True)


def _months_before(day: date) -> Iterator[date]:
    """The last whole months, the oldest first."""
    for back in reversed(range(1, MONTHS + 1)):
        year, month = divmod(12 * day.year + day.month - 1 - back, 12)
        yield date(year, month + 1, 1)


def _switch(what: str, system: System) -> None:
    """Start or stop the automation of the customer assets, as in the UI."""
    env = {**system.env, "DAGSTER_HOME": str(system.settings.dagster_home)}
    dagster = str(Path(sys.executable).with_name("dagster"))
    arguments = ["sensor", what, customer_automation.name, "--workspace", "workspace.yaml"]
    subprocess.run([dagster, *arguments], env=env, cwd=CHECKOUT, check=True, stdout=subprocess.DEVNULL)


def _runs(dagster: DagsterProcess) -> list[tuple[datetime, datetime]]:
    """Start and end of each run of the assets that has started; one that still runs ends now."""
    found = dagster.ask(RUNS)["runsOrError"]["results"]
    if failed := [run for run in found if run["status"] == "FAILURE"]:
        raise RuntimeError(f"{len(failed)} of {len(found)} runs of the customer assets failed: see {dagster.log}")
    ends = [(run["startTime"], run["endTime"] or time.time()) for run in found if run["startTime"]]
    return [(datetime.fromtimestamp(begun, UTC), datetime.fromtimestamp(end, UTC)) for begun, end in ends]
