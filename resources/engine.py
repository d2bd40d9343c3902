"""Where bulk work runs beside this process: as tasks on the workers of an Apache Spark cluster.

Spark only schedules. A task is one of our own functions with what it is to work on; a worker imports it from the same
release, reads and writes the lake by itself, and answers with a small frame. So Spark needs no Delta Lake, there is no
second dialect of SQL, and what a task does is what runs here. Spark may carry out a task twice, also at the same time:
the function must bear that, and only the answers that `run` returns count.
Add here: how errors come back. Not here: how tasks reach a cluster (`spark_applications`), what they do (`assets`).
"""

import hashlib
import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Protocol, TypeVar

import polars as pl

from resources.foreseen_error import ForeseenError
from resources.lake_errors import ConcurrentCommitError
from resources.spark_applications import CONNECT, Answer, Application, NoServerError, begun

HERE = "here"
"""The setting for no engine."""

WORTH_ROWS = 10_000_000
"""From about so many rows on, what an engine saves is more than what Java's start costs."""

_Item = TypeVar("_Item")


class EngineError(ForeseenError):
    """The engine can't be used, or a task failed; the message says what to do."""


class Engine(Protocol):
    """Carries out tasks elsewhere."""

    def run(self, work: Callable[[Sequence[_Item]], pl.DataFrame], items: Sequence[_Item]) -> list[pl.DataFrame]:
        """`work` of each item alone, `work([item])`, in the order of the items.

        `work` is a function of a module, or a `partial` of one. Raises ConcurrentCommitError if a task did, EngineError
        if one failed again and again.
        """

    def kept(self) -> AbstractContextManager[None]:
        """In the block, what `run` started once is kept for the next time, until the end of the block."""


@dataclass(frozen=True)
class SparkEngine:
    """An Apache Spark cluster. `master` is `spark://HOST:PORT`, `sc://HOST:PORT` for a Spark Connect server, which may
    have options behind a `;`, or `local-cluster[WORKERS,CORES,MB]` for tests."""

    master: str = field(repr=False)
    _keepers: list[None] = field(default_factory=list, compare=False, repr=False)
    _running: list[Application] = field(default_factory=list, compare=False, repr=False)

    @property
    def _named(self) -> str:
        """Its address without options: a token may be among them."""
        return self.master.partition(";")[0]

    @property
    def _extra(self) -> str:
        return "spark-connect" if self.master.startswith(CONNECT) else "spark"

    @contextmanager
    def kept(self) -> Iterator[None]:
        """As `Engine` says: an application, with its workers' cores, is kept."""
        self._keepers.append(None)
        try:
            yield
        finally:
            self._keepers.pop()
            if not self._keepers:
                self._end()

    def run(self, work: Callable[[Sequence[_Item]], pl.DataFrame], items: Sequence[_Item]) -> list[pl.DataFrame]:
        """As `Engine` says. Each call is an application of its own on the cluster, unless one is `kept`."""
        if not items:
            return []
        task = partial(_carried_out, work, list(items), _release(_package(work)))
        with self._application() as there, self._failures_named("Look into its log on the worker, mend it"):
            answers = there.answers(task, len(items))
        conflicts = [conflict for _, _, conflict in answers if conflict is not None]
        if conflicts:
            raise ConcurrentCommitError(conflicts[0])
        return [pl.read_ipc(answer) for _, answer, _ in sorted(answers)]

    @contextmanager
    def _application(self) -> Iterator[Application]:
        if not self._running:
            self._running.append(self._begun())
        try:
            yield self._running[-1]
        except BaseException:
            # It may be of no use any more.
            self._end()
            raise
        if not self._keepers:
            self._end()

    def _begun(self) -> Application:
        remedy = "Start it, or name another one in SALESINSIGHTS_ENGINE"
        try:
            with self._failures_named(remedy):
                return begun(self.master)
        except ImportError as missing:
            raise EngineError(
                f"the engine {self._named} needs Apache Spark's Python: install salesinsights[{self._extra}]"
            ) from missing
        except NoServerError as away:
            raise EngineError(f"no Spark Connect server listens at {self._named}: {away}. {remedy}") from away

    def _end(self) -> None:
        while self._running:
            self._running.pop().stop()

    @contextmanager
    def _failures_named(self, remedy: str) -> Iterator[None]:
        """Raises EngineError for what Spark raises in the block: its cluster is away, or a task failed for good."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            yield
        except ImportError:
            # Spark's own error for a package that is missing is one of these too.
            raise
        except (PySparkException, Py4JError) as error:
            raise EngineError(
                f"Spark at {self._named}: {_said(str(error))}. {remedy}, then run it again: nothing was committed"
            ) from error


def engine_of(name: str) -> Engine | None:
    """The engine of a setting; None for `here`: all work is done in the process that wants it."""
    return None if name == HERE else SparkEngine(name)


def worth(engine: Engine | None, rows: int) -> Engine | None:
    """The engine, if work on so many rows is worth its start; else None."""
    return engine if rows >= WORTH_ROWS else None


def _said(text: str) -> str:
    """What an error of Spark's says, in one line: the last error in a worker's traceback, else its first line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    raised = [line.removeprefix(": ") for line in lines if re.match(r"(: )?[\w.]+(Error|Exception): ", line)]
    return next(iter([*raised[-1:], *lines[:1]]), "it failed").rstrip(".")


def _carried_out(
    work: Callable[[Sequence[_Item]], pl.DataFrame], items: Sequence[_Item], release: str, numbers: Iterable[int]
) -> Iterator[Answer]:
    """On a worker: do the work of these numbers. Any error but a conflict is Spark's, which tries again."""
    if _release(_package(work)) != release:
        raise EngineError("this worker has another release than the driver: install the same one on all machines")
    for number in numbers:
        yield number, *_answered(work, items[number])


def _answered(work: Callable[[Sequence[_Item]], pl.DataFrame], item: _Item) -> tuple[bytes, str | None]:
    try:
        answer = io.BytesIO()
        work([item]).write_ipc(answer)
    except ConcurrentCommitError as conflict:
        return b"", str(conflict)
    return answer.getvalue(), None


def _package(work: object) -> str:
    """The top package of a function, or of what a `partial` calls."""
    function = work.func if isinstance(work, partial) else work
    return str(function.__module__).partition(".")[0]


@cache
def _release(package: str) -> str:
    """A hash of the code of a package and of this one: workers with other code would compute other rows."""
    digest = hashlib.sha256()
    for name in sorted({package, __name__.partition(".")[0]}):
        folder = Path(next(iter(sys.modules[name].__path__)))
        for file in sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".sql")):
            digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
