"""A power cut takes the content of files that were not forced to the disk; `repair` and the next pass restore it."""

from pathlib import Path

import pytest

from assets.customers.customer_value import refresh_customer_value
from assets.stream.stream_assets import Stream
from assets.tables import (
    BRONZE_EVENTS,
    CUSTOMER_VALUE,
    DAILY,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
    VISITOR_TABLES,
)
from assets.tables.table import Table
from assets.upkeep.lost_files import broken_files
from assets.upkeep.repair import find_faults, repair
from resources.kafka_reader import TopicState
from resources.lake import Lake
from resources.lake_table import LakeError, TableLayout
from tests.assets.visitors.visits import follow
from tests.faults.feed import Feed
from tests.faults.killed_run import COMMITS
from tests.faults.oracle import assert_lake_holds
from tests.lakes import rows, run

EVERY = tuple(COMMITS)


def log(lake: Lake, layout: TableLayout) -> Path:
    return Path(lake.uri(layout)) / "_delta_log"


def lose_last_commit(lake: Lake, layout: TableLayout) -> None:
    last = max(log(lake, layout).glob("*.json"))
    last.write_bytes(b"")


@pytest.mark.parametrize("lost", [[layout] for layout in EVERY] + [[BRONZE_EVENTS, SILVER_EVENTS], list(EVERY)])
def test_a_lost_commit_is_made_good(lake: Lake, stream: Stream, feed: Feed, lost: list[TableLayout]) -> None:
    for _ in range(3):
        feed.publish()
        run(lake, stream)
    for layout in lost:
        lose_last_commit(lake, layout)

    found = list(repair(lake, stream.window_seconds, stream.open_reader))
    run(lake, stream)

    assert {finding.kind for finding in found} >= {"empty_commit"}
    assert_lake_holds(lake, feed.log)
    assert list(repair(lake, stream.window_seconds, stream.open_reader)) == []


def test_a_lost_commit_whose_checkpoint_is_whole_is_not_lost(lake: Lake, stream: Stream, feed: Feed) -> None:
    for _ in range(2):
        feed.publish()
        run(lake, stream)
    for layout in EVERY:
        lake.table(layout).checkpoint()
        lose_last_commit(lake, layout)

    found = list(repair(lake, stream.window_seconds, stream.open_reader))
    feed.publish()
    run(lake, stream)

    assert found == []
    assert_lake_holds(lake, feed.log)


def test_without_repair_a_batch_that_bronze_lost_would_block_the_stream(lake: Lake, stream: Stream, feed: Feed) -> None:
    feed.publish()
    run(lake, stream)
    lose_last_commit(lake, BRONZE_EVENTS)
    feed.publish()

    with pytest.raises(Exception, match="another run has updated silver to batch 1"):
        run(lake, stream)


@pytest.mark.parametrize("content", [b"", b"PAR1 half of a checkp"])
def test_a_broken_checkpoint_is_removed_and_nothing_is_lost(
    lake: Lake, stream: Stream, feed: Feed, content: bytes
) -> None:
    for _ in range(2):
        feed.publish()
        run(lake, stream)
    lake.table(SILVER_EVENTS).checkpoint()
    (checkpoint,) = log(lake, SILVER_EVENTS).glob("*.checkpoint.parquet")
    checkpoint.write_bytes(content)
    with pytest.raises(LakeError):
        lake.table(SILVER_EVENTS)

    found = list(repair(lake, stream.window_seconds, stream.open_reader))

    assert [(finding.table, finding.kind) for finding in found] == [("silver_events", "broken_checkpoint")] * 2
    assert_lake_holds(lake, feed.log)


def test_a_healthy_lake_has_no_faults(lake: Lake, stream: Stream, feed: Feed) -> None:
    for _ in range(2):
        feed.publish()
        run(lake, stream)
    for layout in (BRONZE_EVENTS, SILVER_BATCHES, SILVER_QUARANTINE, *DAILY):
        lake.table(layout).checkpoint()

    assert find_faults(lake) == {}
    assert list(repair(lake, stream.window_seconds, stream.open_reader)) == []


RESTORED = (
    *(BRONZE_EVENTS, SILVER_EVENTS, SILVER_PURCHASES, SILVER_QUARANTINE, *DAILY),
    *(*VISITOR_TABLES, CUSTOMER_VALUE),
)


@pytest.mark.parametrize("table", RESTORED, ids=lambda table: table.sql_name)
@pytest.mark.parametrize("is_half", [False, True], ids=["empty", "half"])
def test_a_data_file_without_its_content_is_restored(
    lake: Lake, stream: Stream, feed: Feed, table: Table, is_half: bool
) -> None:
    for _ in range(3):
        feed.publish()
        run(lake, stream)
    follow(lake)
    refresh_customer_value(lake)
    before = rows(lake, table)
    file = Path(lake.table(table).file_uris()[0])
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if is_half else b"")

    seen = broken_files(lake)
    found = list(repair(lake, stream.window_seconds, stream.open_reader))
    run(lake, stream)

    assert {name: files["place"].to_list() for name, files in seen.items()} == {table.sql_name: [str(file)]}
    assert "lost" not in {finding.kind for finding in found}
    assert rows(lake, table).equals(before)
    assert_lake_holds(lake, feed.log)
    assert list(repair(lake, stream.window_seconds, stream.open_reader)) == []


def test_what_can_not_be_computed_again_is_named(lake: Lake, stream: Stream, feed: Feed) -> None:
    feed.publish()
    run(lake, stream)
    Path(lake.table(SILVER_BATCHES).file_uris()[0]).write_bytes(b"")

    found = list(repair(lake, stream.window_seconds, stream.open_reader))

    assert ("silver_batches", "lost") in {(finding.table, finding.kind) for finding in found}


def test_messages_that_kafka_has_deleted_are_named(
    lake: Lake, stream: Stream, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.publish()
    run(lake, stream)
    Path(lake.table(BRONZE_EVENTS).file_uris()[0]).write_bytes(b"")
    reader = stream.open_reader()
    state = reader.state()
    monkeypatch.setattr(reader, "state", lambda: TopicState(state.topic_id, state.end, state.end))

    found = list(repair(lake, stream.window_seconds, lambda: reader))

    assert any("Kafka has deleted partition" in finding.detail for finding in found)
