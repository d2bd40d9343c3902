"""How long the Live page's figures take on a lake of many rows, in ms per span, computed once for all open pages.

The first time also reads the days that are compared and those of the forecast, which are then kept.

Add here: what a page costs. Not here: what it shows (`salesinsights_dagster.dashboard`).
"""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

from assets.progress.batch_snapshot import batch_snapshot
from benchmarks.flatness import Bench
from salesinsights_dagster.dashboard.figures import Kept, sales_figures
from salesinsights_dagster.dashboard.spans import SPANS

MEASURED = 9
ALLOWED_MS = 300
NOW = datetime(2020, 2, 29, 23, 59, 59, tzinfo=UTC)
"""The end of the history, so that each span has events."""


def run(rows: int) -> list[dict[str, object]]:
    """A line per span, and one for a look at an unchanged lake."""
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-") as folder:
        bench = Bench(Path(folder) / "full")
        bench.load_history(rows)
        gold = batch_snapshot(bench.lake)
        lines: list[dict[str, object]] = []
        for span in SPANS.values():
            kept = Kept()
            compute = partial(sales_figures, gold, span, NOW, 45, kept=kept)
            begun = time.perf_counter()
            totals = compute().totals
            first = round(1_000 * (time.perf_counter() - begun))
            line = {"page": span.title, "ms": _milliseconds(compute), "allowed": ALLOWED_MS, "first ms": first}
            lines.append({**line, "units": totals.get("units"), "orders": totals.get("orders")})
        look = _milliseconds(lambda: batch_snapshot(bench.lake))
        return [
            *lines,
            {
                "page": "a look that finds nothing new",
                "ms": look,
                "allowed": "",
                "first ms": "",
                "units": "",
                "orders": "",
            },
        ]


def _milliseconds(work: Callable[[], object]) -> int:
    times = []
    for _ in range(MEASURED):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return round(1_000 * median(times))
