"""What tests let an engine do: functions that a worker imports.

Add here: a task of a test. Not here: what becomes of its answer.
"""

import os
import platform
import signal
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from resources.lake_errors import ConcurrentCommitError


def squared(numbers: Sequence[int]) -> pl.DataFrame:
    """The numbers, their squares, and the process that computed them."""
    return pl.DataFrame({"number": numbers, "square": [one * one for one in numbers], "pid": os.getpid()})


def refused(numbers: Sequence[int]) -> pl.DataFrame:
    """As a task that somebody else's commit has come before."""
    raise ConcurrentCommitError(f"{numbers} came too late: run it again")


def failing(numbers: Sequence[int]) -> pl.DataFrame:
    """As a task that nothing helps."""
    raise OSError(f"the disk of {platform.node() and 'a worker'} is full")


def dying_once(folder: str, numbers: Sequence[int]) -> pl.DataFrame:
    """As a task whose executor is killed: the first attempt at number 2 ends it, with a word in `folder` before."""
    place = Path(folder) / "died"
    if 2 in numbers and not place.exists():
        place.touch()
        # The parent of this process is Python's daemon, whose parent is the executor.
        daemon = Path(f"/proc/{os.getppid()}/stat").read_text().split()[3]
        os.kill(int(daemon), signal.SIGKILL)
    return squared(numbers)
