"""A process that runs the stream and meets a fault at a named point: a SIGKILL, or a full disk.

It reads one backlog, or stays and reads what comes, with a clock that goes fast.

The faults are put in from outside; the product has no hooks for them.
"""

import itertools
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assets.stream import micro_batch
from assets.stream.live_stream import LiveStream
from assets.stream.micro_batch import micro_batches, open_stream
from assets.tables import (
    BRONZE_EVENTS,
    CUSTOMER_DAYS,
    PRODUCT_SALES,
    PRODUCT_SALES_DAILY,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
)
from resources.held_folders import held
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake, OpenTables
from resources.lake_errors import ConcurrentCommitError, LakeError
from resources.lake_table import LakeTable
from tests.faults.standby import Ending, Standby
from tests.resources.mock_kafka import MockTopicReader

COMMITS = (
    BRONZE_EVENTS,
    SILVER_QUARANTINE,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    PRODUCT_SALES,
    PRODUCT_SALES_DAILY,
    CUSTOMER_DAYS,
)
Write = Callable[..., None]


@dataclass(frozen=True)
class Order:
    """What a process is to do: run the stream of this topic into the lake at `root`, with this fault at this table.

    `room` is how many bytes of a file still fit on the full disk. `stays`: as a run that stays, not for one backlog.
    """

    servers: str
    topic: str
    root: str
    fault: str
    table: str = ""
    room: int = 0
    stays: bool = False


def run_in_a_process(standby: Standby, order: Order) -> Ending:
    """Let a process carry out this order, and wait for its end."""
    return standby.run(carry_out, asdict(order))


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_before(write: Write, order: Order, table: LakeTable, *arguments: Any) -> None:
    die()


def kill_after(write: Write, order: Order, table: LakeTable, *arguments: Any) -> None:
    write(table, *arguments)
    die()


def kill_uncommitted(write: Write, order: Order, table: LakeTable, *arguments: Any) -> None:
    """Die when the data files are written but the commit is not: a folder blocks the commit's path."""
    log = log_of(table)
    obstacle = log / f"{table.version + 1:020}.json"
    obstacle.mkdir()
    try:
        # As if another wrote too: the files of a write that fails are then not taken back.
        with held(log.parent):
            write(table, *arguments)
    except ConcurrentCommitError:
        obstacle.rmdir()
        die()


def fill_disk(write: Write, order: Order, table: LakeTable, *arguments: Any) -> None:
    """From here on no file takes more bytes than the order allows, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (order.room, resource.RLIM_INFINITY))
    write(table, *arguments)


AT_COMMIT = {
    "kill before": kill_before,
    "kill uncommitted": kill_uncommitted,
    "kill after": kill_after,
    "fill disk": fill_disk,
}


def log_of(table: LakeTable) -> Path:
    return table.folder / "_delta_log"


def arm(order: Order) -> None:
    if order.fault == "kill after read":
        setattr(micro_batch, "commit_batch", die)  # noqa: B010
        return
    for name in ("append", "replace"):
        setattr(LakeTable, name, faulty(getattr(LakeTable, name), order))


def faulty(write: Write, order: Order) -> Write:
    def at_commit(table: LakeTable, *arguments: Any) -> None:
        if table.layout.name == order.table:
            return AT_COMMIT[order.fault](write, order, table, *arguments)
        return write(table, *arguments)

    return at_commit


def now() -> datetime:
    return datetime.now(UTC)


def read_backlog(tables: OpenTables, reader: MockTopicReader) -> None:
    for _ in micro_batches(tables, reader, now, 10_000, 45):
        pass


def stay(tables: OpenTables, reader: MockTopicReader) -> None:
    """Read what comes, until the tables by day have followed; each look at the clock takes a second of it."""
    live = LiveStream(tables, reader, now, 10_000, 45, itertools.count().__next__, lambda seconds: None)
    with live.at_the_end():
        while live.step() is None:
            pass
        live.catch_up()


def carry_out(fields: dict[str, Any]) -> None:
    order = Order(**fields)
    arm(order)
    reader = MockTopicReader(KafkaConnection(order.servers), order.topic)
    try:
        if order.stays:
            stay(open_stream(Lake(order.root)), reader)
        else:
            read_backlog(open_stream(Lake(order.root)), reader)
    except LakeError as error:
        sys.exit(f"{type(error).__name__}: {error}")
