"""Every call of a run to the lake or to Kafka: where it may fail, and where others get their turn.

A run is a thread with a hook. So a call that fails and an order of turns are numbers, which hypothesis draws and
shrinks, and the same numbers give the same story again.
Add here: a way in which a call may fail. Not here: what the runs do (`deeds`).
"""

import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from deltalake.exceptions import CommitFailedError, DeltaError

from assets.archive import month_loader
from assets.silver import purchases
from assets.stream import day_tables, micro_batch
from resources.kafka_reader import KafkaUnavailableError
from resources.lake import Lake
from resources.lake_table import LakeTable
from tests.faults.interleaving import CrashError

COMMIT, LOAD, READ, KAFKA = "commit", "load", "read", "kafka"
"""The kinds of calls: a commit to a table, the loading of one, a read of rows, and a question to Kafka."""

Call = Callable[[], Any]
Hook = Callable[[str, Call], Any]

_mine = threading.local()


def called(kind: str, call: Call) -> Any:
    """Make a call as the hook of this thread wants it."""
    hook: Hook | None = getattr(_mine, "hook", None)
    return call() if hook is None else hook(kind, call)


@contextmanager
def hooked(hook: Hook | None) -> Iterator[None]:
    """Let the hook make the calls of this thread."""
    _mine.hook = hook
    try:
        yield
    finally:
        _mine.hook = None


@contextmanager
def all_called() -> Iterator[None]:
    """Lead the lake's calls through `called`, and let each run stay in its own thread."""
    write, load, read = LakeTable._write, Lake.table, LakeTable.read

    def written(table: LakeTable, work: Call) -> Any:
        # Inside, so that an error goes the way of Delta Lake's own.
        return write(table, lambda: called(COMMIT, work))

    def loaded(lake: Lake, *arguments: Any) -> Any:
        return called(LOAD, lambda: load(lake, *arguments))

    def rows(table: LakeTable, *arguments: Any, **named: Any) -> Any:
        return called(READ, lambda: read(table, *arguments, **named))

    with (
        patch.object(LakeTable, "_write", written),
        patch.object(Lake, "table", loaded),
        patch.object(LakeTable, "read", rows),
        patch.object(micro_batch, "prefetched", in_turn),
        patch.object(month_loader, "prefetched", in_turn),
        patch.object(purchases, "prefetched", beforehand),
        patch.object(day_tables, "beside", at_once),
    ):
        yield


def in_turn(items: Any) -> Iterator[Any]:
    """Stands for `prefetched`: each item is computed when it is asked for."""
    yield from items


def beforehand(items: Any) -> Iterator[Any]:
    """Stands for `prefetched` where Delta Lake takes the items, and could not read them itself: all are there."""
    return iter(list(items))


class Done:
    """Stands for the future of what was done at once."""

    def __init__(self, work: Call) -> None:
        self.result, self.done = lambda: None, lambda: True
        try:
            work()
        except CrashError:
            raise
        except Exception as error:  # noqa: BLE001  # raised where the result is taken
            self.result = _raiser(error)


def _raiser(error: BaseException) -> Call:
    def result() -> None:
        raise error

    return result


at_once = Done


def crash_before(call: Call) -> Any:
    """The process ends before the call."""
    raise CrashError


def crash_after(call: Call) -> Any:
    """The process ends after the call."""
    call()
    raise CrashError


def refused(call: Call) -> Any:
    """A commit that is refused, as if another came first."""
    raise CommitFailedError("refused by the test")


def lands_and_is_refused(call: Call) -> Any:
    """A commit that lands, although the writer is told that another came first."""
    call()
    raise CommitFailedError("refused by the test, and yet it landed")


def lands_and_fails(call: Call) -> Any:
    """A commit that lands, although the writer gets an error."""
    call()
    raise DeltaError("the connection broke after the commit")


def full_disk(call: Call) -> Any:
    """No space is left."""
    raise OSError(errno.ENOSPC, "No space left on device")


def silent(call: Call) -> Any:
    """Kafka does not answer."""
    raise KafkaUnavailableError("Kafka does not answer the test")


FAULTS = {
    crash_before: (COMMIT, LOAD, READ, KAFKA),
    crash_after: (COMMIT, LOAD, READ, KAFKA),
    refused: (COMMIT,),
    lands_and_is_refused: (COMMIT,),
    lands_and_fails: (COMMIT,),
    full_disk: (COMMIT,),
    silent: (KAFKA,),
}
"""How a call may fail, and which kinds of calls."""


@dataclass(frozen=True)
class Fault:
    """The `after`-th call, from 0, that may fail in this way does so."""

    how: str
    after: int

    def hook(self) -> Hook:
        """Counts the calls of one run."""
        way = next(fault for fault in FAULTS if fault.__name__ == self.how)
        left = [self.after]

        def make(kind: str, call: Call) -> Any:
            if kind not in FAULTS[way]:
                return call()
            left[0] -= 1
            return way(call) if left[0] == -1 else call()

        return make


class Turns:
    """Runs of which always one goes on: after so many calls as the next number says, it is the next one's turn.

    When the numbers are used up, each goes on to its end.
    """

    def __init__(self, runs: Sequence[tuple[Callable[[], object], Fault | None]], turns: Sequence[int]) -> None:
        self._runs, self._turns = runs, list(turns)
        self._alive = list(range(len(runs)))
        self._now, self._left = 0, self._next_turn()
        self._moved = threading.Condition()
        self._outcomes: list[BaseException | None] = [None] * len(runs)

    def run(self) -> list[BaseException | None]:
        """What stopped each run; None if it came to its end."""
        threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in self._alive]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self._outcomes

    def _run(self, number: int) -> None:
        work, fault = self._runs[number]
        fails = fault.hook() if fault else lambda kind, call: call()

        def hook(kind: str, call: Call) -> Any:
            self._pause(number)
            return fails(kind, call)

        try:
            self._wait(number)
            with hooked(hook):
                work()
        except BaseException as error:  # noqa: BLE001  # the machine judges it
            self._outcomes[number] = error
        finally:
            with self._moved:
                following = self._following(number)
                self._alive.remove(number)
                self._hand_over(following)

    def _pause(self, number: int) -> None:
        with self._moved:
            self._left -= 1
            if self._left < 0:
                self._hand_over(self._following(number))
        self._wait(number)

    def _wait(self, number: int) -> None:
        with self._moved:
            self._moved.wait_for(lambda: self._now == number)

    def _following(self, number: int) -> int:
        return self._alive[(self._alive.index(number) + 1) % len(self._alive)]

    def _hand_over(self, number: int) -> None:
        self._now, self._left = number, self._next_turn()
        self._moved.notify_all()

    def _next_turn(self) -> int:
        return self._turns.pop(0) if self._turns else 1_000_000
