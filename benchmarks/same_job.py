"""A month's load compared with DuckDB doing the same job alone: the same file, in turns, each in its own process.

It is the yardstick of a backfill. The difference is what the product adds: Delta Lake's commits, the contract for every
line, ledgers, quarantine. Add here: another way to do the same job. Not here: months beside a shop (`backfill`).
"""

import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from assets.archive.month_files import MonthFile, find_month
from assets.archive.month_loader import load_month
from assets.tables import DAILY, PRODUCT_SALES, SILVER_EVENTS
from assets.tables.queries import macros, sql_of
from benchmarks.alone import alone, peak_mb
from benchmarks.system import COMMAND
from resources.lake import Lake

MONTH = date(2019, 11, 1)
TURNS = 3
WINDOW_SECONDS = 45
SUBJECT = (
    "A month's load compared with DuckDB doing the same job (read as text, cast, distinct, a Parquet file a day of the "
    f"lines and of the rows, gold's queries), medians of {TURNS} turns, the largest MB"
)
Figure = float | Decimal
Figures = dict[str, Figure]
_PARQUET = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"


def run(events: int) -> list[dict[str, object]]:
    """A line for DuckDB, one for the product and one of their ratio: medians of TURNS turns.

    Raises RuntimeError if the two differ in the number of events or in revenue.
    """
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-") as folder:
        wanted = ["--month", f"{MONTH:%Y-%m}", "--events", str(events), "--out", folder]
        subprocess.run([COMMAND, "simulate", *wanted], check=True)
        turns = [(alone(_with_duckdb, folder), alone(_with_product, folder)) for _ in range(TURNS)]
    for ours, theirs in turns:
        if {ours["rows of silver"], ours["revenue"]} != {theirs["rows of silver"], theirs["revenue"]}:
            raise RuntimeError(f"not the same job: {ours} and {theirs}")
    duck, product = (_median([turn[side] for turn in turns]) for side in (0, 1))
    ratios = {name: _ratio([(d[name], p[name]) for d, p in turns]) for name in ("wall s", "CPU s", "peak MB")}
    same = {"rows of silver": duck["rows of silver"], "revenue": duck["revenue"]}
    return [
        {"job": "DuckDB", **duck},
        {"job": "load_month", **product},
        {"job": "DuckDB / load_month", **ratios, **dict.fromkeys(same, "equal")},
    ]


def _median(turns: list[Figures]) -> Figures:
    figures = {name: statistics.median(float(turn[name]) for turn in turns) for name in ("wall s", "CPU s")}
    return {**turns[0], **figures, "peak MB": max(turn["peak MB"] for turn in turns)}


def _ratio(pairs: list[tuple[Figure, Figure]]) -> float:
    """The median of the ratios of each turn: what else the machine does affects both sides."""
    return round(statistics.median(float(duck) / float(product) for duck, product in pairs), 2)


def _with_duckdb(folder: str) -> Figures:
    file = find_month(Path(folder), MONTH)
    with tempfile.TemporaryDirectory(dir=folder) as out:
        return _measured(lambda: _same_job(file, Path(out)))


def _same_job(file: MonthFile, out: Path) -> Figures:
    """Bronze, silver and gold of the month as Parquet files under `out`; the number of events, and the revenue."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET enable_progress_bar = false")
    connection.execute(macros())
    for name, value in {"file": str(file.path), "now": datetime.now(UTC), "window_seconds": WINDOW_SECONDS}.items():
        connection.execute(f"SET VARIABLE {name} = ?", [value])
    for statement in (Path(__file__).parent / "same_job.sql").read_text().split(";\n"):
        connection.execute(statement)
    days = [day for (day,) in connection.execute("SELECT DISTINCT event_date FROM silver").fetchall()]
    for table in ("bronze", "silver"):
        for day in days:
            rows = f"SELECT * FROM {table} WHERE event_date = '{day}'"
            connection.execute(f"COPY ({rows}) TO '{out}/{table}-{day}.parquet' {_PARQUET}")
    for layout in DAILY:
        connection.execute(f"COPY ({sql_of(layout)}) TO '{out}/{Path(layout.name).name}.parquet' {_PARQUET}")
    found = connection.execute("SELECT count(*), sum(price) FILTER (event_type = 'purchase') FROM silver").fetchone()
    return dict(zip(("rows of silver", "revenue"), found or (), strict=True))


def _with_product(folder: str) -> Figures:
    file = find_month(Path(folder), MONTH)
    with tempfile.TemporaryDirectory(dir=folder) as root:
        lake = Lake(root)
        used = _measured(lambda: _load(lake, file))
        revenue = Decimal(lake.table(PRODUCT_SALES).read(columns=["revenue"])["revenue"].sum())
        return {**used, "rows of silver": lake.table(SILVER_EVENTS).rows, "revenue": revenue}


def _load(lake: Lake, file: MonthFile) -> Figures:
    load_month(lake, file, datetime.now(UTC), WINDOW_SECONDS)
    return {}


def _measured(work: Callable[[], Figures]) -> Figures:
    """The seconds of the work (all threads, without imports), the process's peak memory, and the answer."""
    begun, before = time.perf_counter(), _cpu_seconds()
    found = work()
    wall, cpu = time.perf_counter() - begun, _cpu_seconds() - before
    return {"wall s": round(wall, 1), "CPU s": round(cpu, 2), "peak MB": peak_mb(), **found}


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
