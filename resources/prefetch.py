"""Computes the next item while the last one is still in use.

Add here: nothing else. Not here: what the work is.
"""

from collections.abc import Generator, Iterable, Iterator
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

_T = TypeVar("_T")
_END = object()


def prefetched(items: Iterable[_T]) -> Generator[_T, None, None]:
    """The same items in the same order, each computed in a thread while the one before it is in use.

    An error in computing an item is raised when its turn comes. If the caller stops early, the item in progress is
    finished and dropped, and `items` is closed.
    """
    asked, given = SimpleQueue[bool](), SimpleQueue[tuple[object, BaseException | None]]()
    # Not a thread pool: its thread ends once the pool is garbage. A caller's exception may make the pool garbage
    # together with this generator, which would then wait for that thread for ever.
    thread = Thread(target=_compute, args=(iter(items), asked, given), name="ahead", daemon=True)
    thread.start()
    asked.put(True)
    try:
        while (item := _taken(given)) is not _END:
            asked.put(True)
            yield item  # type: ignore[misc]
    finally:
        asked.put(False)
        thread.join()


def _compute(
    source: Iterator[object], asked: SimpleQueue[bool], given: SimpleQueue[tuple[object, BaseException | None]]
) -> None:
    while asked.get():
        try:
            given.put((next(source, _END), None))
        except BaseException as failure:  # noqa: BLE001  # it is raised where the item is taken
            given.put((None, failure))
    getattr(source, "close", lambda: None)()


def _taken(given: SimpleQueue[tuple[object, BaseException | None]]) -> object:
    item, failure = given.get()
    if failure is not None:
        raise failure
    return item
