"""Folders that a process holds while it works in them. A lock ends with its process, however that ends.

Add here: a way to see whether somebody is at work. Not here: what the work is.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(folder: Path) -> Iterator[int]:
    """Hold the folder during the block, beside any number of others; gives its file descriptor. Makes the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(place, fcntl.LOCK_SH)
        yield place
    finally:
        os.close(place)


@contextmanager
def alone(place: int) -> Iterator[bool]:
    """Whether nobody else holds the folder of this descriptor. If so, others who want to hold it wait for the block."""
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        is_alone = False
    else:
        is_alone = True
    try:
        yield is_alone
    finally:
        fcntl.flock(place, fcntl.LOCK_SH)


def is_held(folder: Path) -> bool:
    """Whether somebody holds the folder now."""
    if not folder.exists():
        return False
    with held(folder) as place, alone(place) as is_alone:
        return not is_alone
