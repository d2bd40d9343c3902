"""Keeps Python's garbage collector from looking at objects that are about to be gone.

Add here: nothing else. Not here: how much memory work may take.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """No garbage is collected in the block, in any thread: for short work that makes very many objects.

    Each 700 new objects make the collector look at them, and at all that there are after some rounds.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # Only who turned it off turns it on, so that blocks of two threads never leave it off.
        if was_on:
            gc.enable()
