"""A dashboard that somebody looks at, beside a running system.

Add here: nothing else. Not here: many pages in real browsers (`browsers`).
"""

import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.system import COMMAND, System
from salesinsights_dagster.demo import free_port

MOST_START_SECONDS = 120


@contextmanager
def open_dashboard(system: System) -> Iterator[int]:
    """The process id of a dashboard that has answered, and is asked for its figures every second."""
    port, over, answered = free_port(0), threading.Event(), threading.Event()
    process = subprocess.Popen([COMMAND, "dashboard", "--port", str(port)], env=system.env)

    def look() -> None:
        while not over.wait(1):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/totals?span=hour", timeout=20) as answer:
                    answer.read()
                    answered.set()
            except OSError:  # not up yet; awaited below
                continue

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        if not answered.wait(MOST_START_SECONDS):
            raise RuntimeError(f"the dashboard did not answer within {MOST_START_SECONDS} s")
        yield process.pid
    finally:
        over.set()
        looking.join()
        process.terminate()
        process.wait(30)
