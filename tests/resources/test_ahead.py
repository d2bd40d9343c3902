from collections.abc import Iterator

import pytest

from resources.ahead import one_ahead


def test_items_keep_their_order() -> None:
    assert list(one_ahead(range(50))) == list(range(50))


def test_an_error_comes_in_its_turn() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("second")

    items = one_ahead(failing())

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

    items = one_ahead(source())
    next(items)
    items.close()  # type: ignore[attr-defined]

    assert closed == [True]
