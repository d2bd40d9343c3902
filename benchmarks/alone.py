"""Work in a process of its own, so that its memory is measured alone.

Add here: how such a process is started or measured. Not here: a benchmark.
"""

import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")


def alone(work: Callable[..., _T], *arguments: object) -> _T:
    """The answer of `work` in a new process that does nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def peak_mb() -> int:
    """The peak memory of this process so far, in MB. Works only on Linux.

    `getrusage` would report at least what the parent held when it started this process.
    """
    (line,) = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return round(int(line) / 1024)
