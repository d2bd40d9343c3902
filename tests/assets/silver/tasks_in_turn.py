"""An engine without a cluster: each task here, in turn, with whatever may befall it on a cluster.

Add here: what may befall a task. Not here: what must not come of it.
"""

import pickle
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import polars as pl

Work = Callable[[Sequence[Any]], pl.DataFrame]


class TasksInTurn:
    """Carries out each task after it went through pickle, as on its way to a worker; `befall` may do more."""

    def __init__(self, befall: Callable[[Work, Any], object] = lambda work, item: None) -> None:
        self.befall = befall
        self.done = list[Any]()

    def kept(self) -> AbstractContextManager[None]:
        return nullcontext()

    def run(self, work: Work, items: Sequence[Any]) -> list[pl.DataFrame]:
        """As `Engine` says; before each task, `befall` is called with what it is to do."""
        answers = []
        for item in items:
            sent = pickle.loads(pickle.dumps(work))  # noqa: S301
            self.befall(sent, item)
            answers.append(sent([item]))
            self.done.append(item)
        return answers
