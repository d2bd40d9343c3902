"""How long the Live page's figures take on a lake of many rows, in ms per span, computed once for all open pages.

The first time also reads the days that are compared and those of the forecast, which are then kept. Movers are found
once a minute or a quarter of an hour, and who is in the shop now is counted at most every ten seconds.

Add here: what a page costs. Not here: what it shows (`salesinsights_dagster.dashboard`).
"""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

import polars as pl

from assets.progress.batch_snapshot import batch_snapshot
from benchmarks.flatness import BATCH, Bench
from salesinsights_dagster.dashboard.figures import Kept, sales_figures
from salesinsights_dagster.dashboard.live_now import LONGEST, LiveNow
from salesinsights_dagster.dashboard.movers import movers
from salesinsights_dagster.dashboard.spans import HOUR, SPANS
from salesinsights_dagster.dashboard.view import View

MEASURED = 9
ALLOWED_MS = 300
NOW = datetime(2020, 2, 29, 23, 59, 59, tzinfo=UTC)
"""The end of the history, so that each span has events."""
RATES = (50, 1_000)
"""Events a second of the hour in which live now counts."""


def run(rows: int) -> list[dict[str, object]]:
    """A line per span, one for a look at an unchanged lake, and one for who is in the shop now at each of RATES."""
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-") as folder:
        bench = Bench(Path(folder) / "full")
        bench.load_history(rows)
        gold = batch_snapshot(bench.lake)
        categories = pl.DataFrame(schema={"product_id": pl.Int64(), "category": pl.String()})
        lines: list[dict[str, object]] = []
        for span in SPANS.values():
            kept = Kept()
            compute = partial(sales_figures, gold, View(span.name), NOW, 45, kept)
            begun = time.perf_counter()
            totals = compute().totals
            first = round(1_000 * (time.perf_counter() - begun))
            line = {"page": span.title, "ms": _milliseconds(compute), "allowed": ALLOWED_MS, "first ms": first}
            find = partial(movers, gold, View(span.name), NOW, 45, categories, kept)
            more = {"movers ms": _milliseconds(find), "units": totals.get("units"), "orders": totals.get("orders")}
            lines.append({**line, **more})
        look = _milliseconds(lambda: batch_snapshot(bench.lake))
        blank = dict.fromkeys(lines[0], "")
        lines.append({**blank, "page": "a look that finds nothing new", "ms": look})
        for rate in RATES:
            lines.append({**blank, **_live_now(Bench(Path(folder) / f"{rate}", NOW - HOUR), rate)})
        return lines


def _live_now(bench: Bench, rate: int) -> dict[str, object]:
    """The first count of an hour of so many events a second, and those after each batch of some more."""
    for number in range(60):
        bench.batch(rate * 60, NOW - HOUR + (number + 1) * timedelta(minutes=1))
    shown, times = LiveNow(), list[float]()
    for number in range(MEASURED + 1):
        now = NOW + number * LONGEST
        begun = time.perf_counter()
        shown.figures(bench.lake, now)
        times.append(1_000 * (time.perf_counter() - begun))
        bench.batch(BATCH, now + LONGEST)
    first, *others = map(round, times)
    return {"page": f"live now, {rate:,} events/s", "ms": median(others), "allowed": ALLOWED_MS, "first ms": first}


def _milliseconds(work: Callable[[], object]) -> int:
    times = []
    for _ in range(MEASURED):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return round(1_000 * median(times))
