"""Slows down who guesses passwords.

Add here: nothing else. Not here: whether a password is right (`user_file`).
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

FREE = 3
"""So many wrong attempts in a row cost nothing."""

LONGEST_WAIT = timedelta(seconds=60)
FORGOTTEN = timedelta(minutes=15)
"""Without another wrong attempt."""

MOST_KEPT = 10_000
"""Names and addresses: a flood of new ones pushes out the oldest, not the process."""


class Attempts:
    """Wrong attempts in a row by name and by address: after a few, each wait is twice the one before."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    def wait(self, whose: Sequence[str]) -> timedelta:
        """How long until the next attempt is looked at; zero if it may come now."""
        now = self._clock()
        return max((self._due(key) - now for key in whose if key in self._wrong), default=timedelta())

    def failed(self, whose: Sequence[str]) -> None:
        """Take note of a wrong attempt."""
        now = self._clock()
        for key in whose:
            count, last = self._wrong.pop(key, (0, now))
            self._wrong[key] = (1 if now - last > FORGOTTEN else count + 1), now
        while len(self._wrong) > MOST_KEPT:
            self._wrong.popitem(last=False)

    def succeeded(self, whose: Sequence[str]) -> None:
        """Forget the wrong ones."""
        for key in whose:
            self._wrong.pop(key, None)

    def _due(self, key: str) -> datetime:
        count, last = self._wrong[key]
        if count < FREE:
            return last
        return last + min(timedelta(seconds=2 ** min(count - FREE, 10)), LONGEST_WAIT)
