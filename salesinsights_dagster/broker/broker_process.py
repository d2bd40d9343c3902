"""A process that outlives the one that started it.

Add here: starting, recognizing and ending a detached process.
Not here: what it runs (`local_broker`).
"""

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

RESTORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE)


@dataclass(frozen=True)
class Sighting:
    """What the system says about a process id; `started` is the system's own text."""

    started: str
    is_zombie: bool


@dataclass(frozen=True)
class DetachedProcess:
    """A process by id and start time: the id alone may later be another process's."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        seen = look(self.pid)
        if seen is None or seen.started != self.started:
            return False
        if seen.is_zombie:
            # Reap it, if it is a child of this process and not of a command that ended long ago.
            with suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)
        return not seen.is_zombie

    def end(self, wait_seconds: float) -> None:
        """Ask it to end, kill it after `wait_seconds`, and return once it is gone."""
        self._signal(signal.SIGTERM)
        if not self.gone_within(wait_seconds):
            self._signal(signal.SIGKILL)
            while not self.gone_within(1):
                pass

    def _signal(self, number: signal.Signals) -> None:
        if self.is_alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def gone_within(self, seconds: float) -> bool:
        """Wait for its end, at most so long; whether it has ended."""
        deadline = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def spawn(command: list[str], folder: Path, output: Path) -> DetachedProcess:
    """Start the command in a session of its own, inside `folder`; its output goes to the file `output`.

    Signals get their default handlers back: a shell's background job ignores SIGINT, and a JVM that inherits an ignored
    signal never receives it.
    """
    shell = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', str(folder), *command]
    pid = os.posix_spawn(
        shell[0],
        shell,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(output), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=RESTORED,
    )
    seen = look(pid)
    return DetachedProcess(pid, seen.started if seen else "")


def look(pid: int) -> Sighting | None:
    """The process of this id, in `/proc` where there is one; None if there is no such process."""
    if not Path("/proc/self/stat").exists():
        return look_with_ps(pid)
    try:
        # The command's name, in brackets, may itself hold spaces and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, threads, started = fields[0], int(fields[17]), fields[19]
    # The first thread may be a zombie while other threads have not ended yet, and still hold files and locks.
    return Sighting(started, is_zombie=state == "Z" and threads <= 1)


def look_with_ps(pid: int) -> Sighting | None:
    """The same, for systems without `/proc`."""
    # The start time is compared as text, so it must not depend on the language or the time zone.
    neutral = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    answer = subprocess.run(command, env=neutral, capture_output=True, text=True, check=False)
    state, _, started = answer.stdout.strip().partition(" ")
    return Sighting(started.strip(), state.startswith("Z")) if state else None
