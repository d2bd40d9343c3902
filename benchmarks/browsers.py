"""What open browsers cost the stream: batches without a dashboard, with one that no page shows, and with open pages.

The promise: 50 open browsers add no more than 10 % to batch time. Everything runs on the same cores, the pages at the
lowest priority. Add here: what is measured. Not here: how a page is kept open (`open_pages`).
"""

import json
import os
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median

import psutil  # type: ignore[import-untyped]

from benchmarks.flatness import BATCH, Bench, Spent
from benchmarks.open_pages import REAL, OpenPages, open_pages
from benchmarks.system import COMMAND
from salesinsights_dagster.demo import free_port
from salesinsights_dagster.settings import Settings, load_settings

SECONDS = 4.0
"""From the start of a batch to that of the next; 30 in a shop. By then the pages show the batch before."""
WARM_UP = 2
MEASURED = 6
ROUNDS = 6
WAIT_SECONDS = 60.0

KIND_OF_PAGES = f"{REAL} in Chromium, the others without a screen, all at the lowest priority"
NONE, IDLE = "no dashboard", "no page open"


@dataclass(frozen=True)
class Block:
    """Batches of one kind in a row: the medians of their seconds, and per minute the CPU seconds of the dashboard and
    the updates of a page."""

    spent: Spent
    dashboard: float
    updates: float


@dataclass(frozen=True)
class Dashboard:
    """A dashboard in a process of its own."""

    address: str
    process: psutil.Process

    def cpu(self) -> float:
        used = self.process.cpu_times()
        return float(used.user + used.system)

    def await_ready(self) -> None:
        """Wait until it has read the lake. Raises RuntimeError if it does not in time."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self.revenue() is None:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the dashboard did not come up in {WAIT_SECONDS:.0f} s: run it by hand to see why")
            time.sleep(0.2)

    def revenue(self) -> str | None:
        """The revenue of the last hour as pages show it, None if the dashboard does not answer yet."""
        try:
            with urllib.request.urlopen(f"{self.address}/api/totals?span=hour") as answer:  # noqa: S310
                found = json.load(answer)["totals"].get("revenue")
        except OSError:
            return None
        return f"{Decimal(found or 0):,.2f}"


def run(pages: int) -> list[dict[str, object]]:
    """A line without a dashboard, one with it, and one with `pages` open pages, measured in alternating blocks."""
    kinds = (NONE, IDLE, f"{pages} pages open")
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-") as folder:
        settings = load_settings({"SALESINSIGHTS_HOME": folder})
        bench = Bench(Path(settings.lake), datetime.now(UTC))
        time.sleep(SECONDS)
        _batches(bench, WARM_UP)
        # Back and forth, so that the growing lake affects all kinds alike.
        turns = [kinds if number % 2 else kinds[::-1] for number in range(ROUNDS)]
        rounds = [{kind: _block(bench, settings, kind, pages) for kind in turn} for turn in turns]
    return [_line(kind, rounds) for kind in kinds]


def _block(bench: Bench, settings: Settings, kind: str, pages: int) -> Block:
    if kind == NONE:
        _batches(bench, WARM_UP)
        return Block(_medians(_batches(bench, MEASURED)), 0.0, 0.0)
    with _dashboard(settings) as dashboard, open_pages(f"{dashboard.address}/", 0 if kind == IDLE else pages) as opened:
        _batches(bench, WARM_UP)
        before, updates = _await_same(dashboard, opened)
        cpu, begun = dashboard.cpu(), time.monotonic()
        spent = _medians(_batches(bench, MEASURED))
        time.sleep(SECONDS)
        minutes = (time.monotonic() - begun) / 60
        used = dashboard.cpu() - cpu
        after, updated = _await_same(dashboard, opened)
    if before == after:
        raise RuntimeError(f"the revenue stayed {before} over {MEASURED} batches: there was nothing to show")
    return Block(spent, used / minutes, (updated - updates) / minutes)


def _batches(bench: Bench, count: int) -> list[Spent]:
    spent = []
    for _ in range(count):
        begun = time.monotonic()
        spent.append(bench.batch(BATCH, datetime.now(UTC)))
        time.sleep(max(0.0, begun + SECONDS - time.monotonic()))
    return spent


def _medians(spent: list[Spent]) -> Spent:
    return Spent(median(one.cpu for one in spent), median(one.wall for one in spent))


@contextmanager
def _dashboard(settings: Settings) -> Iterator[Dashboard]:
    """A dashboard of the lake, started as the demo starts it."""
    port = free_port(0)
    env = {**os.environ, "SALESINSIGHTS_HOME": str(settings.home)}
    command = [COMMAND, "dashboard", "--port", str(port)]
    with (settings.home / "dashboard.log").open("ab") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    dashboard = Dashboard(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
    try:
        dashboard.await_ready()
        yield dashboard
    finally:
        process.terminate()
        process.wait(timeout=30)


def _await_same(dashboard: Dashboard, opened: OpenPages) -> tuple[str, float]:
    """Wait until every page shows the lake's revenue; that revenue, and the updates so far."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        seen, revenue = opened.look(), dashboard.revenue()
        if revenue is not None and set(seen.revenue) <= {revenue}:
            return revenue, seen.updates
        time.sleep(0.5)
    raise RuntimeError(f"pages show {sorted(set(seen.revenue))}, but the lake has {revenue}: they do not follow it")


def _line(kind: str, rounds: list[dict[str, Block]]) -> dict[str, object]:
    """The medians over all rounds; the ratios within a round."""
    of_kind = [turn[kind] for turn in rounds]
    return {
        "dashboard": kind,
        "CPU s a batch": round(median(block.spent.cpu for block in of_kind), 3),
        "ratio": round(median(turn[kind].spent.cpu / turn[IDLE].spent.cpu for turn in rounds), 2),
        "wall s a batch": round(median(block.spent.wall for block in of_kind), 3),
        "ratio of wall s": round(median(turn[kind].spent.wall / turn[IDLE].spent.wall for turn in rounds), 2),
        "CPU s of the dashboard a minute": round(median(block.dashboard for block in of_kind), 1),
        "updates of a page a minute": round(median(block.updates for block in of_kind)),
    }
