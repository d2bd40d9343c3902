"""Work in a process of its own, so that the memory it takes is its own.

Add here: how such a process is started or measured. Not here: a benchmark.
"""

import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path


def alone(work: Callable[..., dict[str, object]], *arguments: object) -> dict[str, object]:
    """What `work` answers in a new process, which does nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def peak_mb() -> int:
    """The most memory that this process has taken so far, in MB. Linux alone can say so.

    What `getrusage` says is at least what the parent had when it started this process.
    """
    (line,) = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return round(int(line) / 1024)
