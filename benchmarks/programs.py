"""What the programs of a running system use: memory now, and CPU over a time.

Add here: a figure about running processes. Not here: one about a command that ends (`system.run_measured`).
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

LOOK_SECONDS, LEAST_PERCENT = 0.5, 0.3
MEMORY_SECONDS, YOUNG_SECONDS = 10.0, 300.0
RUN, BESIDE = "run", "runs beside"
"""The stream's run, and those with a lower priority, such as the customers' tables."""


def memory(*roots: int) -> dict[str, int]:
    """MB that each program holds, among these processes and all that they have started."""
    held = Counter[str]()
    for program, process in programs(roots):
        try:
            held[program] += round(process.memory_info().rss / 2**20)
        except psutil.NoSuchProcess:  # a run that has just ended
            continue
    return dict(held)


@contextmanager
def run_memory(*roots: int) -> Iterator[dict[str, int | None]]:
    """MB of the run that lives longest meanwhile: when it is YOUNG_SECONDS old, last, and at most; filled at the end.

    Looks every MEMORY_SECONDS at these processes and all that they have started.
    """
    seen, over, found = defaultdict[int, list[tuple[float, int]]](list), threading.Event(), dict[str, int | None]()

    def look() -> None:
        while not over.wait(MEMORY_SECONDS):
            for program, process in programs(roots):
                with suppress(psutil.NoSuchProcess):
                    if program == RUN:
                        age = time.time() - process.create_time()
                        seen[process.pid].append((age, round(process.memory_info().rss / 2**20)))

    watch = threading.Thread(target=look, daemon=True)
    watch.start()
    try:
        yield found
    finally:
        over.set()
        watch.join()
        oldest = max(seen.values(), key=lambda held: held[-1][0], default=[(0.0, 0)])
        found |= {
            "minutes": round(oldest[-1][0] / 60),
            "MB after five": next((mb for age, mb in oldest if age >= YOUNG_SECONDS), None),
            "MB last": oldest[-1][1],
            "MB at most": max(mb for _, mb in oldest),
        }


def listed(used: dict[str, float]) -> str:
    """What `cpu_percent` found, but for programs that take next to nothing."""
    return ", ".join(f"{program} {percent}" for program, percent in used.items() if percent >= LEAST_PERCENT)


@contextmanager
def cpu_percent(*roots: int) -> Iterator[dict[str, float]]:
    """Percent of one core that each program takes meanwhile, those that end meanwhile included; filled at the end.

    Processes are looked at every LOOK_SECONDS, so what one does after its last look is missing.
    """
    found: dict[str, float] = {}
    watch = _Watch(roots)
    watch.start()
    try:
        yield found
    finally:
        found.update(watch.stop())


class _Watch(threading.Thread):
    def __init__(self, roots: tuple[int, ...]) -> None:
        super().__init__(daemon=True)
        self._roots, self._over = roots, threading.Event()
        self._begun, self._first = time.monotonic(), _used(roots)
        self._last = dict(self._first)

    def run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._last |= _used(self._roots)

    def stop(self) -> dict[str, float]:
        self._over.set()
        self.join()
        seconds, spent = time.monotonic() - self._begun, defaultdict[str, float](float)
        for pid, (program, used) in (self._last | _used(self._roots)).items():
            spent[program] += used - self._first.get(pid, (program, 0.0))[1]
        order = sorted(spent, key=lambda program: -spent[program])
        return {program: round(100 * spent[program] / seconds, 1) for program in order}


def _used(roots: tuple[int, ...]) -> dict[int, tuple[str, float]]:
    """Per process, what it is by now (a run takes a lower priority after its start), and its CPU seconds so far."""
    used = dict[int, tuple[str, float]]()
    for program, process in programs(roots):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used[process.pid] = program, times.user + times.system
    return used


def programs(roots: tuple[int, ...]) -> Iterator[tuple[str, psutil.Process]]:
    """Each process with what it is: RUN, BESIDE, or two words of its command line, as `salesinsights dashboard`."""
    for root in map(psutil.Process, roots):
        for process in (root, *root.children(recursive=True)):
            try:
                command, niceness = process.cmdline(), process.nice()
            except psutil.NoSuchProcess:
                continue
            if name := _name(command, niceness):
                yield name, process


def _name(command: list[str], niceness: int) -> str | None:
    if not command or command[0].endswith("tail") or "watch_orphans" in " ".join(command):
        return None  # what Dagster starts to copy a run's output
    if any("multiprocessing" in word for word in command):  # Dagster starts a run as a spawned process
        return BESIDE if niceness else RUN
    words = [Path(word).name for word in command[1:] if not word.startswith("-")]
    return "broker" if Path(command[0]).name == "java" else " ".join(words[:2])
