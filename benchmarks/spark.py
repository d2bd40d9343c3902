"""Bulk work as tasks on a real Spark cluster against the same work here: the rows, the CPU, and what kills leave.

Add here: a piece of work that an engine carries out. Not here: how the cluster runs (`spark_cluster`).
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import polars as pl

from assets.archive.month_files import find_month
from assets.archive.month_loader import ROWS_AT_ONCE, load_month
from assets.gold.gold import rebuild_gold
from assets.progress.batches import BATCH, batch_of
from assets.progress.changed_days import day_groups, rows_per_day
from assets.progress.rebuild_marks import finishing
from assets.silver.silver import rebuild_silver
from assets.stream.micro_batch import micro_batches, open_stream
from assets.tables import (
    BRONZE_ARCHIVE_MONTHS,
    BRONZE_EVENTS,
    DAILY,
    PROOFS,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
    USER_DAYS,
    VISITOR_TABLES,
)
from assets.upkeep.proof import compare_apart, keep
from assets.visitors.daily_tables import refresh_days
from benchmarks.alone import alone
from benchmarks.flatness import MONTHS, HandFed
from benchmarks.spark_cluster import Cluster, Meter, cluster, killing, python_of_wheel
from resources import engine as engines
from resources.engine import HERE, engine_of
from resources.lake import Lake
from resources.lake_table import LakeTable
from salesinsights_dagster.simulator.live import encode
from salesinsights_dagster.simulator.month_file import write_month
from salesinsights_dagster.simulator.shop import Shop

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW_SECONDS = 45
COMPARED = (
    *(BRONZE_EVENTS, BRONZE_ARCHIVE_MONTHS, SILVER_EVENTS, SILVER_QUARANTINE, SILVER_PURCHASES),
    *(*DAILY, *VISITOR_TABLES, PROOFS),
)
WITHOUT_A_DAY = (BRONZE_ARCHIVE_MONTHS, PROOFS)

LIVE_BATCH, LIVE_SECONDS = 500, 2.5

KILLED_WITHIN = 0.6
"""Of the time that the work took. The rest is Java's start, before which there is no executor to kill."""

Work = Callable[[Lake, Path, engines.Engine | None], object]


def months(lake: Lake, files: Path, engine: engines.Engine | None) -> None:
    """Load all month files."""
    for year, month in MONTHS[: len(list(files.glob("*.csv")))]:
        load_month(lake, find_month(files, date(year, month, 1)), NOW, WINDOW_SECONDS, engine=engine)


def silver(lake: Lake, files: Path, engine: engines.Engine | None) -> None:
    """Rebuild all days of silver, and gold of them, here."""
    days = lake.table(SILVER_EVENTS).days
    with finishing(lake, days, rebuilds=1):
        rebuild_silver(lake, days, engine)
        for some in day_groups(rows_per_day(lake.table(SILVER_EVENTS)), days, ROWS_AT_ONCE):
            rebuild_gold(lake, DAILY, some, WINDOW_SECONDS)


def visitors(lake: Lake, files: Path, engine: engines.Engine | None) -> None:
    """Compute the visitor tables as a whole."""
    for layout in VISITOR_TABLES:
        list(refresh_days(lake, layout, engine=engine))


def proof(lake: Lake, files: Path, engine: engines.Engine | None) -> None:
    """Prove all days. Raises RuntimeError if one differs."""
    days, work = lake.table(SILVER_EVENTS).days, partial(compare_apart, lake.root, WINDOW_SECONDS)
    for compared in engine.run(work, days) if engine else (work([day]) for day in days):
        if compared["table"].count() or not keep(lake, compared, NOW):
            raise RuntimeError(f"a day differs from its rebuild, or has changed: {compared}")


LOAD, REBUILD, PROOF = "months from files, to gold", "silver of all days, rebuilt, then gold", "proof of all days"

PIECES: Mapping[str, Work] = {
    LOAD: months,
    REBUILD: silver,
    "sessions, user_days, funnel of all days": visitors,
    PROOF: proof,
}


def run(rows: int, seeds: int, months: int = len(MONTHS)) -> list[list[dict[str, object]]]:
    """Work here and on two workers; then kills of executors, of the driver, and a live stream beside.

    Without `seeds` nothing is killed, and no stream runs beside: that is for many rows.
    """
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-", dir=os.environ.get("TMPDIR")) as place:
        folder, meter = Path(place), Meter()
        try:
            alone(_write_months, place, rows, months)
            python, here, there = python_of_wheel(folder), folder / "here", folder / "there"
            spent = {name: _measured(meter, here, folder, name, HERE, {}) for name in PIECES}
            with cluster(folder / "two", python, 2) as two:
                spread = {name: _measured(meter, there, folder, name, two.master, two.environment) for name in PIECES}
                same = alone(_differing, str(here), str(there))
                disturbed = _disturbed(two, there, here, folder, spread[REBUILD]["wall s"], seeds) if seeds else {}
            with cluster(folder / "one", python, 1) as one:
                alone_there = _measured(meter, here, folder, REBUILD, one.master, one.environment)
        finally:
            meter.stop()
        work = [_line(name, spent[name], spread[name], rows) for name in PIECES]
        workers: list[dict[str, object]] = [{"workers": 2, **spread[REBUILD]}, {"workers": 1, **alone_there}]
        rest: dict[str, object] = {"tables that differ": ", ".join(same) or "none", **disturbed}
        return [work, [rest], workers]


def run_connect(rows: int, months: int) -> list[list[dict[str, object]]]:
    """Work from here and through a Spark Connect server, on the same two workers."""
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-", dir=os.environ.get("TMPDIR")) as place:
        folder, meter = Path(place), Meter()
        here, over = folder / "here", folder / "over"
        try:
            alone(_write_months, place, rows, months)
            with cluster(folder / "two", python_of_wheel(folder), 2) as two:
                work = (LOAD, REBUILD, PROOF)
                spent = {name: _measured(meter, here, folder, name, two.master, two.environment) for name in work}
                server = two.connected()
                through = {name: _measured(meter, over, folder, name, server, two.environment) for name in work}
                same = alone(_differing, str(here), str(over))
        finally:
            meter.stop()
    lines: list[dict[str, object]] = [
        {
            "work": name,
            "spark://, CPU s": spent[name]["CPU s"],
            "sc://, CPU s": through[name]["CPU s"],
            "spark://, wall s": spent[name]["wall s"],
            "sc://, wall s": through[name]["wall s"],
        }
        for name in work
    ]
    return [lines, [{"tables that differ": ", ".join(same) or "none"}]]


def run_bulk(rows: int, months: int) -> list[dict[str, object]]:
    """Load, rebuild and prove so many rows on two workers: a line for each, with the memory of the largest process."""
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-", dir=os.environ.get("TMPDIR")) as place:
        folder, meter = Path(place), Meter()
        try:
            alone(_write_months, place, rows, months)
            with cluster(folder / "two", python_of_wheel(folder), 2) as two:
                work = (LOAD, REBUILD, PROOF)
                spent = [_measured(meter, folder / "there", folder, name, two.master, two.environment) for name in work]
        finally:
            meter.stop()
    return [
        {"work": name, "µs a row": round(cost["CPU s"] * 1e6 / rows, 1), **cost}
        for name, cost in zip(work, spent, strict=True)
    ]


def _disturbed(two: Cluster, there: Path, here: Path, files: Path, within: float, seeds: int) -> dict[str, object]:
    found = _killed(two, there, here, KILLED_WITHIN * within, seeds)
    for name in (SILVER_EVENTS.name, USER_DAYS.name):
        found |= _driver_killed(two, there, here, name)
    return found | _beside_a_stream(two, there, files)


def _line(name: str, here: dict[str, float], there: dict[str, float], rows: int) -> dict[str, object]:
    return {
        "work": name,
        "here, CPU s": here["CPU s"],
        "Spark, CPU s": there["CPU s"],
        "Spark against here": round(there["CPU s"] / max(here["CPU s"], 0.1), 2),
        "here, µs a row": round(here["CPU s"] * 1e6 / rows, 1),
        "Spark, µs a row": round(there["CPU s"] * 1e6 / rows, 1),
        "here, wall s": here["wall s"],
        "Spark, wall s": there["wall s"],
        "here, peak MB": here.get("python MB", 0),
        "a Python of Spark's, peak MB": there.get("python MB", 0),
        "a Java, peak MB": there.get("java MB", 0),
    }


def _write_months(folder: str, rows: int, months: int) -> None:
    for year, month in MONTHS[:months]:
        write_month(Shop(seed=month), year, month, rows // months, Path(folder))


def _measured(
    meter: Meter, lake: Path, files: Path, name: str, master: str, environment: Mapping[str, str]
) -> dict[str, float]:
    with meter.spent() as cost:
        alone(_work, str(lake), str(files), name, master, environment)
    click.echo(f"{name}, {'here' if master == HERE else 'on Spark'}: {cost}", err=True)
    return cost


def _work(root: str, files: str, name: str, master: str, environment: Mapping[str, str]) -> None:
    with _engine(master, environment) as engine:
        PIECES[name](Lake(root), Path(files), engine)


@contextmanager
def _engine(master: str, environment: Mapping[str, str]) -> Iterator[engines.Engine | None]:
    os.environ.update(environment)
    engines.WORTH_ROWS = 1
    engine = engine_of(master)
    if engine is None:
        yield None
        return
    with engine.kept():
        yield engine


def _differing(here: str, there: str, names: tuple[str, ...] = ()) -> list[str]:
    """The tables (of `names`) whose rows differ; compared day by day."""
    lakes = [Lake(root) for root in (here, there)]
    found = []
    for layout in COMPARED:
        if names and layout.name not in names:
            continue
        ours, theirs = (lake.table(layout) for lake in lakes)
        without = layout in WITHOUT_A_DAY
        wheres = [None] if without else [layout.on_days([day]) for day in sorted({*ours.days, *theirs.days})]
        if not all(_alike(ours.read(where), theirs.read(where)) for where in wheres):
            found.append(layout.name)
    return found


def _alike(ours: pl.DataFrame, theirs: pl.DataFrame) -> bool:
    # A fingerprint is of a lake's own files.
    names = [name for name, kind in ours.schema.items() if name != "fingerprint"]
    keys = [name for name in names if not isinstance(ours.schema[name], pl.List)]
    return ours.select(names).sort(keys).equals(theirs.select(names).sort(keys))


def _killed(two: Cluster, there: Path, here: Path, within: float, seeds: int) -> dict[str, object]:
    """Rebuild silver and user_days once a seed, an executor killed meanwhile."""
    killed, wrong, left = 0, 0, set[str]()
    for seed in range(seeds):
        with killing(two, seed, within) as moments:
            alone(_rebuild_both, str(there), two.master, two.environment)
        killed += len(moments)
        click.echo(f"seed {seed}: an executor was killed after {moments} s", err=True)
        wrong += len(alone(_differing, str(here), str(there), (SILVER_EVENTS.name, USER_DAYS.name)))
        left |= _orphans(there)
    return {
        "rebuilds with an executor killed in the middle": killed,
        "of them with other rows": wrong,
        "files that no commit ever named": len(left),
    }


def _rebuild_both(root: str, master: str, environment: Mapping[str, str]) -> None:
    """Rebuild silver, after which all days of user_days are due as a whole."""
    lake = Lake(root)
    with _engine(master, environment) as engine:
        silver(lake, Path(), engine)
        list(refresh_days(lake, USER_DAYS, engine=engine))


def _orphans(root: Path) -> set[str]:
    """Data files of the tables that are written in tasks, which no entry of their logs names."""
    found = set[str]()
    for layout in (BRONZE_EVENTS, SILVER_EVENTS, *VISITOR_TABLES):
        folder = root / layout.name
        logs = "".join(path.read_text() for path in (folder / "_delta_log").glob("*.json"))
        files = [path for path in folder.rglob("*.parquet") if "_delta_log" not in path.parts]
        found |= {str(path) for path in files if path.name not in logs}
    return found


def _rebuild_until(root: str, step: str, master: str, environment: Mapping[str, str]) -> None:
    """As `_rebuild_both`; ends by SIGKILL when files lie in the folder of the table `step` and are not committed."""
    adopt = LakeTable.adopt

    def killed(table: LakeTable, *what: Any) -> None:
        if table.folder == Path(root) / step:
            os.kill(os.getpid(), signal.SIGKILL)
        adopt(table, *what)

    with patch.object(LakeTable, "adopt", killed):
        _rebuild_both(root, master, environment)


def _driver_killed(two: Cluster, there: Path, here: Path, step: str) -> dict[str, object]:
    """Kill the driver when the tasks' files are linked, before they are committed; then do the work again."""
    names = (SILVER_EVENTS.name, USER_DAYS.name)
    try:
        alone(_rebuild_until, str(there), step, two.master, two.environment)
    except BrokenProcessPool:
        pass
    else:
        raise RuntimeError(f"nothing was taken into {step}")
    unnamed = len(_orphans(there))
    before = alone(_differing, str(here), str(there), names)
    alone(_rebuild_both, str(there), two.master, two.environment)
    wrong = {*before, *alone(_differing, str(here), str(there), names)}
    return {
        f"driver killed with {unnamed} files of {step} uncommitted: tables with other rows": len(wrong),
        f"left in the scratch folder after the next run of {step}": len(list((there / "_scratch").glob("stand-in*"))),
    }


def _beside_a_stream(two: Cluster, there: Path, files: Path) -> dict[str, object]:
    """Rebuild silver and user_days while a stream commits to the same days; then prove every day."""
    stop = files / "stop"
    code = f"import benchmarks.spark as spark; spark._sell({str(there)!r}, {str(stop)!r})"
    shop = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        alone(_rebuild_both, str(there), two.master, two.environment)
    finally:
        stop.touch()
    said, _ = shop.communicate(timeout=600)
    batches, sent, slowest = said.split()
    alone(_work, str(there), str(files), PROOF, HERE, {})
    held = alone(_messages_held, str(there))
    return {
        "batches that a stream committed to the same days meanwhile": int(batches),
        "of its messages lost": int(sent) - held,
        "slowest of its batches, s": float(slowest),
        "days that differ from their rebuild afterwards": 0,
    }


def _messages_held(root: str) -> int:
    return Lake(root).table(BRONZE_EVENTS).read("batch > 0", ["batch"]).height


def _sell(root: str, stop: str) -> None:
    """Commit a batch every LIVE_SECONDS, of events on days of the history and on new ones, until `stop` is there.

    Prints how many batches, how many messages, and the seconds of the slowest batch.
    """
    lake, shop, sent, took = Lake(root), Shop(seed=77), 0, list[float]()
    reader = HandFed(lake)
    begun, number = datetime(2019, 10, 3, tzinfo=UTC), 0
    while not Path(stop).exists():
        at = begun + timedelta(days=number % 200, seconds=number)
        _, values = encode(shop.live(at, LIVE_SECONDS * 10, LIVE_BATCH / (LIVE_SECONDS * 10)))
        reader.feed(values, NOW)
        start = time.perf_counter()
        list(micro_batches(open_stream(lake), reader, lambda: NOW, 10**9, WINDOW_SECONDS))
        took.append(time.perf_counter() - start)
        sent, number = sent + len(values), number + 1
        time.sleep(max(0, LIVE_SECONDS - took[-1]))
    if batch_of(lake.table(SILVER_EVENTS)) != lake.table(BRONZE_EVENTS).progress(BATCH):
        raise RuntimeError("silver is behind bronze")
    print(len(took), sent, round(max(took), 1))
