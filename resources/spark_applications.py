"""How tasks reach an Apache Spark cluster: from a driver in this process, or through a Spark Connect server.

Add here: what Spark must be told. Not here: what a task is, and what its answer means (`engine`).
"""

import os
import socket
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pyarrow import RecordBatch

CONNECT = "sc://"

CONNECT_PORT = 15002

_NAME = "salesinsights"

_CONTACT_SECONDS = 10.0

_JAVA = "-XX:TieredStopAtLevel=1"
"""Java starts the tasks and collects their answers: its second compiler costs more than so little work wins by it."""

Answer = tuple[int, bytes, str | None]
"""What a task gives back: its number, and a frame in Arrow's file format or why the work has to begin again."""

Task = Callable[[Iterable[int]], Iterator[Answer]]
"""Carries out the work of some numbers, on a worker."""


class NoServerError(Exception):
    """Nobody listens at the address of a Spark Connect server."""


class Application(Protocol):
    """What was started on a cluster. Its methods raise errors of Spark's."""

    def answers(self, task: Task, count: int) -> list[Answer]:
        """What the tasks of the numbers below `count` answer, in any order."""

    def stop(self) -> None:
        """Give its cores back."""


def begun(master: str) -> Application:
    """An application on the cluster of this address. Raises ImportError without Spark's Python, NoServerError, and
    errors of Spark's."""
    return _OverConnect(master) if master.startswith(CONNECT) else _FromHere(master)


class _FromHere:
    """The driver is this process: a distributed dataset of one number a task.

    No data frames: Spark's SQL, which carries those out, takes ten CPU seconds to start.
    """

    def __init__(self, master: str) -> None:
        from pyspark import SparkConf, SparkContext

        # Workers have the release where we have it, unless they are told of another place.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        named = SparkConf().setMaster(master).setAppName(_NAME)
        # Spark's own page would listen on all addresses; its bar is no log.
        quiet = named.set("spark.ui.enabled", "false").set("spark.ui.showConsoleProgress", "false")
        for program in ("driver", "executor"):
            quiet.set(f"spark.{program}.defaultJavaOptions", _JAVA)
        self._context = SparkContext.getOrCreate(quiet)
        self._context.setLogLevel("ERROR")

    def answers(self, task: Task, count: int) -> list[Answer]:
        found: list[Answer] = self._context.parallelize(range(count), count).mapPartitions(task).collect()
        return found

    def stop(self) -> None:
        self._context.stop()


class _OverConnect:
    """The driver is a Spark Connect server, which takes data frames only: one of a partition for each task."""

    def __init__(self, master: str) -> None:
        from pyspark.sql import SparkSession

        # Spark's client would try for ten minutes before it says that nobody listens there.
        place = urlsplit(master.partition(";")[0])
        try:
            socket.create_connection((place.hostname or "", place.port or CONNECT_PORT), _CONTACT_SECONDS).close()
        except OSError as away:
            raise NoServerError(str(away)) from away
        with warnings.catch_warnings():
            # It warns of new versions of pandas, which nothing here uses.
            warnings.simplefilter("ignore", FutureWarning)
            self._session = SparkSession.builder.remote(master).appName(_NAME).create()

    def answers(self, task: Task, count: int) -> list[Answer]:
        numbers = self._session.range(0, count, 1, count)
        found = numbers.mapInArrow(partial(_of_batches, task), "number long, answer binary, conflict string").collect()
        return [(row["number"], bytes(row["answer"]), row["conflict"]) for row in found]

    def stop(self) -> None:
        self._session.stop()


def _of_batches(task: Task, batches: Iterable["RecordBatch"]) -> Iterator["RecordBatch"]:
    """On a worker: the task's answers to the numbers of Spark's batches, as batches of Arrow."""
    import pyarrow

    kinds = pyarrow.schema([("number", pyarrow.int64()), ("answer", pyarrow.binary()), ("conflict", pyarrow.string())])
    for batch in batches:
        for answer in task(batch.column(0).to_pylist()):
            row = dict(zip(kinds.names, answer, strict=True))
            yield pyarrow.RecordBatch.from_pylist([row], schema=kinds)
