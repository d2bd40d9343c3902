"""Ctrl-C and SIGTERM as an event that a loop can wait for.

Add here: nothing but signals.
Not here: what a loop does when it is stopped.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event


@contextmanager
def stop_on_signals() -> Iterator[Event]:
    """An event that SIGINT and SIGTERM set; the former handlers are restored at the end. Main thread only."""
    stop = Event()
    former = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
