"""Whether a process of this machine still has a file open for writing.

Add here: what the system knows about open files. Not here: what follows from it.
"""

import os
from pathlib import Path

_WRITES = os.O_WRONLY | os.O_RDWR


def has_writer(path: Path, processes: Path = Path("/proc")) -> bool:
    """True if another process has the file open for writing; False if none has, or if the system does not tell.

    Linux tells it of processes of the same user, and root of all. A writer on another machine is never seen.
    """
    target = path.stat()
    return any(_writes(descriptor, target) for descriptor in processes.glob("[0-9]*/fd/*"))


def _writes(descriptor: Path, target: os.stat_result) -> bool:
    try:
        if not os.path.samestat(descriptor.stat(), target):
            return False
        info = (descriptor.parent.parent / "fdinfo" / descriptor.name).read_text()
    except OSError:  # the process, or the file of the descriptor, is gone, or belongs to another user
        return False
    flags = next(line.split()[1] for line in info.splitlines() if line.startswith("flags:"))
    return bool(int(flags, 8) & _WRITES)
