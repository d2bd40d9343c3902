import threading

import pytest

from resources.beside import beside


def test_the_caller_goes_on_meanwhile() -> None:
    let_go = threading.Event()
    future = beside(lambda: let_go.wait(20))

    assert not future.done()
    let_go.set()
    assert future.result(20)


def test_an_error_is_raised_where_the_result_is_taken() -> None:
    with pytest.raises(ZeroDivisionError):
        beside(lambda: 1 / 0).result(20)
