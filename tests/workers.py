"""Runs on several machines, played by processes: Redis, and workers with homes of their own.

Add here: how they are started and killed. Not here: what runs do there.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from salesinsights_dagster.demo import free_port

MISSING = next(
    (
        reason
        for reason, is_there in {
            "Celery is missing: make celery": importlib.util.find_spec("dagster_celery") is not None,
            "Redis is missing: apt-get install redis-server": shutil.which("redis-server") is not None,
        }.items()
        if not is_there
    ),
    "",
)
"""Why there can be no workers; empty if there can."""


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """The address of a new, empty Redis on 127.0.0.1 that keeps nothing on the disk."""
    port = free_port(0)
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    server = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
    try:
        _await_listening(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


def _await_listening(port: int, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


@dataclass(frozen=True)
class Worker:
    """`salesinsights worker` in a process group of its own: a machine that can be lost as a whole."""

    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, home: Path, env: Mapping[str, str], *options: str) -> "Worker":
        home.mkdir(exist_ok=True)
        log = home.parent / f"{home.name}.log"
        with log.open("ab") as output:
            return cls(_started(output, {**env, "SALESINSIGHTS_HOME": str(home)}, options), log)

    def kill(self) -> None:
        """SIGKILL to all of it at once, the runs included."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _started(output: IO[bytes], env: Mapping[str, str], options: tuple[str, ...]) -> subprocess.Popen[bytes]:
    command = [str(Path(sys.executable).with_name("salesinsights")), "worker", *options]
    return subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
