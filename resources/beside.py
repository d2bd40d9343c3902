"""Does one thing in a thread, beside what the caller does meanwhile.

Add here: nothing else. Not here: what the work is.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

_T = TypeVar("_T")


def beside(work: Callable[[], _T]) -> Future[_T]:
    """Do `work` in a thread of its own; its result or error is in the future. The thread does not outlive the process.

    Not a thread pool: Python waits for a pool's threads before it ends, however long they still have to do.
    """
    future = Future[_T]()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as failure:  # noqa: BLE001  # it is raised where the result is taken
            future.set_exception(failure)

    Thread(target=run, name="beside", daemon=True).start()
    return future
