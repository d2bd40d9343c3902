"""Dagster's run database under thousands of runs, pruned as upkeep does it: its size, and how long a query takes.

The runs are records as a run of the stream leaves them, written through Dagster's own storage: executing so many would
take days. Add here: a figure about Dagster's history. Not here: the lake's files (`flatness`).
"""

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.events import StepMaterializationData
from rich.progress import track

from assets.stream.stream_assets import STREAMED
from assets.tables.asset_specs import key_of
from assets.upkeep.run_history import KEPT, prune_runs
from benchmarks.flatness import MARKS
from salesinsights_dagster.commands.terminal import terminal
from sensors.in_flight import run_in_flight
from sensors.jobs import STREAM

RUNS_AN_HOUR = 120
"""Runs that each read one backlog."""

KEPT_RUNS = int(KEPT[dg.DagsterRunStatus.SUCCESS] / timedelta(hours=1) * RUNS_AN_HOUR)
"""How many runs upkeep keeps: those of two days."""

RUNS_AT_ONCE = 2_000


def run(runs: int) -> list[dict[str, object]]:
    """A line at each mark on the way through `runs` runs, pruned every hour."""
    lines: list[dict[str, object]] = []
    begun: list[datetime] = []
    with (
        tempfile.TemporaryDirectory(prefix="salesinsights-bench-") as folder,
        dg.DagsterInstance.local_temp(folder) as instance,
    ):
        for number in track(range(1, runs + 1), "runs", console=terminal()):
            begun.append(datetime.now(UTC))
            _record(instance, number)
            if number % RUNS_AN_HOUR == 0 and number > KEPT_RUNS:
                # Upkeep goes by age, and the benchmark is in a hurry: it pretends that two days have passed.
                prune_runs(instance, begun[number - KEPT_RUNS] + timedelta(days=2), RUNS_AT_ONCE)
            if number % (runs // MARKS) == 0:
                lines.append({"runs so far": number, **_figures(instance, Path(folder))})
    return lines


def _record(instance: dg.DagsterInstance, number: int) -> None:
    """A run of the stream that succeeded, with one materialization of each table."""
    made = dg.DagsterRun(job_name=STREAM.name, status=dg.DagsterRunStatus.SUCCESS)
    instance.add_run(made)
    day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number // (24 * RUNS_AN_HOUR))
    for layout in STREAMED:
        partition = f"{day:%Y-%m-%d}" if layout.partition_by else None
        event = dg.DagsterEvent(
            dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            STREAM.name,
            event_specific_data=StepMaterializationData(
                dg.AssetMaterialization(key_of(layout), metadata={"dagster/row_count": number}, partition=partition)
            ),
        )
        instance.report_dagster_event(event, made.run_id)


def _figures(instance: dg.DagsterInstance, folder: Path) -> dict[str, object]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    looked = time.perf_counter()
    run_in_flight(instance, STREAM.name)
    instance.get_run_records(limit=25)
    seconds = time.perf_counter() - looked
    return {
        "runs kept": instance.get_runs_count(),
        "files": len(files),
        "MB": round(sum(path.stat().st_size for path in files) / 1e6, 1),
        "ms for the sensor's and the UI's query": round(seconds * 1000, 1),
    }
