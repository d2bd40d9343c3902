"""The time, as a resource: a test sets it.

Add here: nothing else. Not here: a time zone; all times are UTC.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Clock:
    """The time."""

    now: Callable[[], datetime]
