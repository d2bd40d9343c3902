"""Processes that are there to be killed: each is forked from one that has its imports done, and so costs little.

Add here: how such a process starts, and how its end is told. Not here: what it does (`killed_run`, `publish_run`,
`replica_run`).
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]

PATIENCE = 120
"""Seconds after which a process is ended that should have died long before."""


@dataclass(frozen=True)
class Ending:
    """How a process ended: its exit code (minus the signal that ended it), and its stderr."""

    exit_code: int
    said: str


class Standby:
    """The process that the others are forked from. It computes nothing itself, so that no thread is lost in a fork."""

    def __init__(self) -> None:
        env = {**os.environ, "POLARS_MAX_THREADS": "1", "TOKIO_WORKER_THREADS": "1"}
        command, pipe = [sys.executable, "-m", __name__], subprocess.PIPE
        self._process = subprocess.Popen(command, env=env, cwd=CHECKOUT, stdin=pipe, stdout=pipe, text=True)

    def run(self, what: Callable[..., None], *arguments: Any, kill_after: float | None = None) -> Ending:
        """Let a process call this function of a module, with arguments that JSON knows, and wait for its end.

        It is killed after so many seconds.
        """
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([what.__module__, what.__name__, arguments, kill_after]) + "\n")
        process.stdin.flush()
        return Ending(*json.loads(process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()


def main() -> None:
    """Fork a process for each line of stdin, and write down how it ended."""
    for line in sys.stdin:
        module, name, arguments, kill_after = json.loads(line)
        what = getattr(importlib.import_module(module), name)
        # A pipe, not a file: on a full disk the process still has to say why it ends.
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            signal.alarm(PATIENCE)
            for stream in (1, 2):
                os.dup2(theirs, stream)
            what(*arguments)
            sys.exit()
        os.close(theirs)
        with os.fdopen(ours) as said, _killed(child, kill_after):
            text = said.read()
        _, status = os.waitpid(child, 0)
        print(json.dumps([os.waitstatus_to_exitcode(status), text]), flush=True)


@contextmanager
def _killed(process: int, after: float | None) -> Iterator[None]:
    """Kill the process after so many seconds, if the block still goes on then."""
    killer = threading.Timer(after or 0, os.kill, (process, signal.SIGKILL))
    if after is not None:
        killer.start()
    yield
    if after is not None:
        killer.cancel()
        # A fork takes no thread with it, so none may be left.
        killer.join()


if __name__ == "__main__":
    main()
