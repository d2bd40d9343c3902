import gc
import threading
from collections.abc import Iterator

import pytest

from resources.prefetch import prefetched


def test_items_keep_their_order() -> None:
    assert list(prefetched(range(50))) == list(range(50))


def test_an_error_comes_in_its_turn() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("second")

    items = prefetched(failing())

    assert next(items) == 1
    with pytest.raises(ValueError, match="second"):
        next(items)


def test_the_source_is_closed_when_the_caller_stops() -> None:
    closed = []

    def source() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            closed.append(True)

    items = prefetched(source())
    next(items)
    items.close()

    assert closed == [True]


def test_one_that_becomes_garbage_ends_its_thread() -> None:
    """As after an exception whose traceback holds the caller's frames in a reference cycle."""

    def circle() -> None:
        held: list[object] = [prefetched(range(10))]
        held.append(held)
        next(held[0])  # type: ignore[call-overload]

    circle()
    gc.collect()

    assert "ahead" not in [thread.name for thread in threading.enumerate()]
