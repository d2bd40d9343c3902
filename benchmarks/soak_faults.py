"""What a soak does to a running system: processes that die, a broker that is away, a disk that is full or read-only.

Add here: a fault, and how it ends. Not here: what the system makes of it (`soak`).
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.programs import programs
from salesinsights_dagster.broker import LocalBroker

LASTS = 60.0
"""Seconds that a disk stays full or read-only."""

BROKER_AWAY = 20.0


class Kept:
    """A command that is started again whenever it ends, as a service manager would. Its process id is `pid`."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self._command, self._env, self._log = list(command), dict(env), log
        self._start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def keep(self) -> None:
        """Start it again if it has ended."""
        if self._process.poll() is not None:
            self._start()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)

    def _start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(self._command, env=self._env, stdout=output, stderr=output)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own in memory. Raises CalledProcessError where this user may not mount one."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@dataclass(frozen=True)
class Target:
    """A running system: what `salesinsights dev` and the dashboard are, its broker, and the disk of its lake."""

    dev: Kept
    dashboard: Kept
    broker: LocalBroker
    disk: Path


def faults(target: Target) -> Mapping[str, Callable[[], None]]:
    """Each fault by its name; a call returns when the fault is over."""

    def killed(program: str) -> Callable[[], None]:
        return lambda: _kill(target, program)

    return {
        "broker stopped": lambda: _away(target.broker, lambda: target.broker.stop()),
        "daemon killed": killed("dagster._daemon run"),
        "run killed": killed("run"),
        "disk full": lambda: _full(target.disk),
        "code location killed": killed("dagster api"),
        "broker killed": lambda: _away(target.broker, lambda: _kill_broker(target.broker)),
        "dashboard killed": lambda: os.kill(target.dashboard.pid, signal.SIGKILL),
        "lake read-only": lambda: _read_only(target.disk),
        "web server killed": killed("salesinsights_dagster.dagster_web"),
    }


def _kill(target: Target, program: str) -> None:
    """Raises RuntimeError if there is no such process: a fault that does not happen proves nothing."""
    mine = [process for name, process in programs((target.dev.pid,)) if name.startswith(program)]
    if not mine:
        raise RuntimeError(f"no process {program} to kill")
    for process in mine:
        process.kill()


def _kill_broker(broker: LocalBroker) -> None:
    pid = broker.status().pid
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def _away(broker: LocalBroker, end: Callable[[], object]) -> None:
    port = int((broker.status().bootstrap_servers or "").rpartition(":")[2])
    end()
    time.sleep(BROKER_AWAY)
    broker.start(port)


def _full(disk: Path) -> None:
    filling = disk / "filling"
    with filling.open("wb") as file:
        until = time.monotonic() + LASTS
        while time.monotonic() < until:
            free = os.statvfs(disk)
            try:
                file.write(b"\0" * min(free.f_bavail * free.f_frsize, 2**24))
                file.flush()
            except OSError:  # it is full, which is what is wanted
                time.sleep(0.2)
    filling.unlink()


def _read_only(disk: Path) -> None:
    """Refused while a file is open for writing: tried until none is."""
    while subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True, check=False).returncode:
        time.sleep(0.02)
    time.sleep(LASTS)
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
