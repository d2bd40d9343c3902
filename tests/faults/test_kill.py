"""A SIGKILL at every point of the stream, on three batches in a row; afterwards the lake is as if there had been none.

One lake lives through all of them, so that a kill also meets a long history, with checkpoints and compacted days.
"""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import dagster as dg
import pytest

from assets.stream import compaction
from assets.stream.micro_batch import micro_batches, open_stream
from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_EVENTS, PRODUCT_SALES_DAILY, SILVER_EVENTS
from resources.lake import Lake
from resources.lake_table import LakeTable
from tests.assets.stream.dagster_runs import execute, partitions
from tests.faults.feed import Feed, Stored
from tests.faults.interleaving import crash_before
from tests.faults.killed_run import COMMITS, Order, run_in_a_process
from tests.faults.oracle import assert_lake_holds, held
from tests.faults.standby import Standby
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka, MockTopicReader

NAMES = [layout.name for layout in COMMITS]
POINTS = [("kill after read", ""), *((moment, name) for name in NAMES for moment in ("kill before", "kill after"))]


@dataclass
class Survivor:
    """A lake, its topic, and the feed that fills it."""

    kafka: MockKafka
    topic: str
    lake: Lake
    feed: Feed

    def killed(self, standby: Standby, fault: str, table: str, *, stays: bool = False) -> int:
        servers = self.kafka.connection.bootstrap_servers
        order = Order(servers, self.topic, self.lake.root, fault, table, stays=stays)
        return run_in_a_process(standby, order).exit_code

    def finish(self) -> None:
        reader = MockTopicReader(self.kafka.connection, self.topic)
        for _ in micro_batches(open_stream(self.lake), reader, lambda: datetime.now(UTC), 10_000, 45):
            pass
        compaction.compact(self.lake)


@pytest.fixture(scope="module")
def survivor(mock_kafka: MockKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survivor]:
    yield from surviving(mock_kafka, "shop.kills", tmp_path_factory)


@pytest.fixture(scope="module")
def staying(mock_kafka: MockKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survivor]:
    yield from surviving(mock_kafka, "shop.kills.of.runs.that.stay", tmp_path_factory)


def surviving(kafka: MockKafka, topic: str, folders: pytest.TempPathFactory) -> Iterator[Survivor]:
    lake = Lake(str(folders.mktemp(topic)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "MOST_SMALL_FILES", 9)
        yield Survivor(kafka, topic, lake, Feed(kafka.connection, topic))


@pytest.mark.parametrize(("fault", "table"), POINTS)
def test_nothing_is_lost_or_doubled(survivor: Survivor, standby: Standby, fault: str, table: str) -> None:
    for _ in range(3):
        survivor.feed.publish()
        assert survivor.killed(standby, fault, table) == -signal.SIGKILL
        survivor.finish()

    assert_lake_holds(survivor.lake, survivor.feed.log)


@pytest.mark.parametrize(("fault", "table"), POINTS)
def test_nothing_is_lost_or_doubled_by_a_run_that_stays(
    staying: Survivor, standby: Standby, fault: str, table: str
) -> None:
    staying.feed.publish()
    assert staying.killed(standby, fault, table, stays=True) == -signal.SIGKILL
    staying.feed.publish()
    staying.finish()

    assert_lake_holds(staying.lake, as_read(staying))


def as_read(staying: Survivor) -> list[Stored]:
    """The log with the batches in which the lake has the messages: a run that stays reads them as they come."""
    batches = {place[1:]: place[0] for place in held(staying.lake, BRONZE_EVENTS, "batch", "partition", "offset")}
    log = staying.feed.log
    return [replace(message, batch=batches.get((message.partition, message.offset), -1)) for message in log]


@pytest.mark.parametrize("table", NAMES)
def test_data_files_without_their_commit_are_never_seen(survivor: Survivor, standby: Standby, table: str) -> None:
    for _ in range(3 if table == BRONZE_EVENTS.name else 1):
        survivor.feed.publish()
        assert survivor.killed(standby, "kill uncommitted", table) == -signal.SIGKILL
        survivor.finish()

    assert_lake_holds(survivor.lake, survivor.feed.log)


def test_days_that_a_recovery_brought_to_gold_are_materialized(
    lake: Lake, stream: Stream, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.publish()
    crash_before(monkeypatch, LakeTable, "replace", lambda: run(lake, stream))

    with dg.DagsterInstance.ephemeral() as instance:
        told = partitions(execute(lake, stream, instance))

    days = held(lake, SILVER_EVENTS, "event_date")
    assert told.get(PRODUCT_SALES_DAILY.name) == sorted({str(day) for (day,) in days})
