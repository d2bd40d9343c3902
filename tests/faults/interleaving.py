"""Runs at the same time, or cut short, in an order that the test decides.

Add here: a way to pause or end a run at a point. Not here: what the runs do.
"""

import itertools
import sys
import threading
from collections.abc import Callable, Container
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from resources.lake_table import LakeTable

PATIENCE = 120
"""Seconds after which a run gives up waiting for the other one."""


class CrashError(Exception):
    """Stands for the end of the process: the product never catches it."""


def together(*runs: Callable[[], Any]) -> list[Any]:
    """What each run returned, or the exception that it raised; all of them start at once."""
    with ThreadPoolExecutor(len(runs)) as pool:
        futures = [pool.submit(run) for run in runs]
        return [future.exception() or future.result() for future in futures]


def kinds(outcomes: list[Any]) -> list[str]:
    """The name of the type of each outcome."""
    return sorted(type(outcome).__name__ for outcome in outcomes)


def meet_before(patch: pytest.MonkeyPatch, owner: object, function: str) -> None:
    """The first two calls of the function wait for each other before they do anything."""
    barrier, calls, real = threading.Barrier(2), itertools.count(), getattr(owner, function)

    def met(*arguments: Any, **named: Any) -> Any:
        if next(calls) < barrier.parties:
            barrier.wait(PATIENCE)
        return real(*arguments, **named)

    patch.setattr(owner, function, met)


def once_before(patch: pytest.MonkeyPatch, owner: object, function: str, deed: Callable[[], object]) -> None:
    """Do the deed before the first call of the function."""
    calls, real = itertools.count(), getattr(owner, function)

    def delayed(*arguments: Any, **named: Any) -> Any:
        if next(calls) == 0:
            deed()
        return real(*arguments, **named)

    patch.setattr(owner, function, delayed)


def once_after(patch: pytest.MonkeyPatch, owner: object, function: str, deed: Callable[[], object]) -> None:
    """Do the deed after the first call of the function, before its caller goes on."""
    calls, real = itertools.count(), getattr(owner, function)

    def interrupted(*arguments: Any, **named: Any) -> Any:
        returned = real(*arguments, **named)
        if next(calls) == 0:
            deed()
        return returned

    patch.setattr(owner, function, interrupted)


def crash_before(patch: pytest.MonkeyPatch, owner: object, function: str, run: Callable[[], object]) -> None:
    """Start the run, and end it where it first calls the function."""

    def crash(*_: Any, **__: Any) -> None:
        raise CrashError(function)

    with patch.context() as only_here:
        only_here.setattr(owner, function, crash)
        with pytest.raises(CrashError):
            run()


def at_each_commit(
    patch: pytest.MonkeyPatch, deed: Callable[[], object], only: Container[int] | None = None
) -> list[tuple[str, str]]:
    """Do the deed right before each place of the code commits for the first time, or only before those so numbered.

    A place is a table and the function that commits to it. What the deed itself commits does not count. The returned
    list holds the places that have come by.
    """
    places, real, is_busy = list[tuple[str, str]](), LakeTable._write, [False]

    def interrupted(table: LakeTable, write: Callable[[], Any]) -> Any:
        place = table.layout.name, _caller()
        if not is_busy[0] and place not in places:
            places.append(place)
            if only is None or len(places) - 1 in only:
                is_busy[0] = True
                try:
                    deed()
                finally:
                    is_busy[0] = False
        return real(table, write)

    patch.setattr(LakeTable, "_write", interrupted)
    return places


def _caller() -> str:
    """The nearest function outside of `resources`."""
    frame = sys._getframe(2)
    while frame.f_back and "/resources/" in frame.f_code.co_filename:
        frame = frame.f_back
    return frame.f_code.co_qualname
