"""Doing the next piece of work while the last one is still being used.

Add here: nothing else. Not here: what the work is.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")
_END = object()


def one_ahead(items: Iterable[_T]) -> Iterator[_T]:
    """The same items in the same order, each computed in a thread while the one before it is in use.

    What computing an item raises is raised when its turn comes. When the caller stops early, the item under way is
    finished and dropped, and `items` is closed.
    """
    source = iter(items)
    with ThreadPoolExecutor(1, "ahead") as thread:
        try:
            coming: Future[object] = thread.submit(next, source, _END)
            while (item := coming.result()) is not _END:
                coming = thread.submit(next, source, _END)
                yield item  # type: ignore[misc]
        finally:
            coming.cancel()
            thread.submit(getattr(source, "close", lambda: None)).result()
