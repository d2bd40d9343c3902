"""A power cut takes the content of files that were not forced to the disk; `repair` and the next pass restore it."""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

import salesinsights_dagster.topic
from assets.customers.customer_value import refresh_customer_value
from assets.products.category_sales import refresh_category_sales
from assets.stream.stream_assets import Stream
from assets.tables import (
    BRONZE_EVENTS,
    CATEGORY_SALES_DAILY,
    CUSTOMER_VALUE,
    DAILY,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
    VISITOR_TABLES,
)
from assets.tables.table import Table
from assets.upkeep import lost_files, lost_messages
from assets.upkeep.audit import audit
from assets.upkeep.lost_files import broken_files
from assets.upkeep.lost_messages import Finding
from assets.upkeep.repair import find_faults, repair
from resources.kafka_reader import TopicState
from resources.lake import Lake
from resources.lake_errors import LakeError
from resources.table_layout import TableLayout
from salesinsights_dagster.commands.repair import repair as command
from tests.assets.visitors.visits import follow
from tests.campaign import tries
from tests.faults.feed import Feed
from tests.faults.interleaving import crash_before
from tests.faults.killed_run import COMMITS
from tests.faults.oracle import assert_lake_holds
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka, MockTopicReader

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
    *(*VISITOR_TABLES, CATEGORY_SALES_DAILY, CUSTOMER_VALUE),
)


CUT = [*((table, "empty") for table in RESTORED), *((table, "half") for table in RESTORED[:: tries(5, 1)])]


@pytest.mark.parametrize(("table", "left"), CUT, ids=lambda value: getattr(value, "sql_name", value))
def test_a_data_file_without_its_content_is_restored(
    lake: Lake, stream: Stream, feed: Feed, table: Table, left: str
) -> None:
    for _ in range(3):
        feed.publish()
        run(lake, stream)
    follow(lake)
    refresh_customer_value(lake)
    refresh_category_sales(lake)
    before = rows(lake, table)
    file = Path(lake.table(table).file_uris()[0])
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if left == "half" else b"")

    seen = broken_files(lake)
    found = list(repair(lake, stream.window_seconds, stream.open_reader))
    run(lake, stream)

    assert {name: files["place"].to_list() for name, files in seen.items()} == {table.sql_name: [str(file)]}
    assert "lost" not in {finding.kind for finding in found}
    assert rows(lake, table).equals(before)
    assert_lake_holds(lake, feed.log)
    assert list(repair(lake, stream.window_seconds, stream.open_reader)) == []


STEPS = [
    *((BRONZE_EVENTS, lost_files, step) for step in ("restore_bronze", "end_repair")),
    (BRONZE_EVENTS, lost_messages, "rows_again"),
    *((SILVER_EVENTS, lost_files, step) for step in ("rebuild_silver", "rebuild_gold", "end_repair")),
    *((SILVER_PURCHASES, lost_files, step) for step in ("rebuild_silver", "rebuild_gold")),
    *((layout, lost_files, "rebuild_gold") for layout in DAILY),
]


@pytest.mark.parametrize(("table", "owner", "step"), STEPS, ids=lambda value: getattr(value, "sql_name", None))
def test_a_repair_that_is_killed_after_it_dropped_files_is_resumed_by_the_next(
    lake: Lake, stream: Stream, feed: Feed, monkeypatch: pytest.MonkeyPatch, table: Table, owner: object, step: str
) -> None:
    for _ in range(3):
        feed.publish()
        run(lake, stream)
    before = rows(lake, table)
    Path(lake.table(table).file_uris()[0]).write_bytes(b"")
    crash_before(monkeypatch, owner, step, lambda: list(repair(lake, 45, stream.open_reader)))
    left = broken_files(lake)

    found = list(repair(lake, stream.window_seconds, stream.open_reader))

    assert left == {}
    assert (table.sql_name, "resumed") in {(finding.table, finding.kind) for finding in found}
    assert rows(lake, table).equals(before)
    assert_lake_holds(lake, feed.log)
    assert list(repair(lake, stream.window_seconds, stream.open_reader)) == []


def test_what_can_not_be_computed_again_is_named(lake: Lake, stream: Stream, feed: Feed) -> None:
    feed.publish()
    run(lake, stream)
    Path(lake.table(SILVER_BATCHES).file_uris()[0]).write_bytes(b"")

    found = list(repair(lake, stream.window_seconds, stream.open_reader))

    assert ("silver_batches", "lost") in {(finding.table, finding.kind) for finding in found}


@pytest.fixture
def before(lake: Lake, stream: Stream, feed: Feed) -> pl.DataFrame:
    """What silver held when bronze lost the largest file of its batch (their order is not fixed)."""
    feed.publish()
    run(lake, stream)
    files = [Path(uri) for uri in lake.table(BRONZE_EVENTS).file_uris()]
    max(files, key=lambda file: pl.scan_parquet(file).select(pl.len()).collect().item()).write_bytes(b"")
    return rows(lake, SILVER_EVENTS)


def lost(found: list[Finding]) -> list[str]:
    return [finding.detail for finding in found if finding.kind == "lost"]


def offsets_of(feed: Feed) -> list[tuple[int, int]]:
    """The partitions of the feed, and where they end."""
    counted = Counter(message.partition for message in feed.log)
    return sorted(counted.items())


def test_messages_that_kafka_has_deleted_are_named(
    lake: Lake, stream: Stream, feed: Feed, before: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = stream.open_reader()
    state = reader.state()
    monkeypatch.setattr(reader, "state", lambda: TopicState(state.topic_id, state.end, state.end))

    found = list(repair(lake, stream.window_seconds, lambda: reader))

    named = [f"Kafka has deleted partition {p} of {feed.topic}, offsets [0, {end})" for p, end in offsets_of(feed)]
    assert lost(found)
    assert {detail.rsplit(": ", 1)[0] for detail in lost(found)} <= set(named)
    assert rows(lake, SILVER_EVENTS).equals(before)


def test_messages_of_a_topic_that_was_recreated_are_lost_and_no_others_take_their_place(
    lake: Lake, stream: Stream, before: pl.DataFrame
) -> None:
    reader = stream.open_reader()
    assert isinstance(reader, MockTopicReader)
    reader.topic_id = "second"

    found = list(repair(lake, stream.window_seconds, lambda: reader))

    assert lost(found)
    assert all(detail.startswith("the topic was deleted and recreated: partition ") for detail in lost(found))
    assert any(finding.detail.startswith("0 messages") for finding in found)
    assert rows(lake, SILVER_EVENTS).equals(before)


def test_the_audit_names_batches_of_which_bronze_has_nothing_left(
    lake: Lake, stream: Stream, feed: Feed, before: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in lake.table(BRONZE_EVENTS).file_uris():
        Path(place).write_bytes(b"")
    reader = stream.open_reader()
    state = reader.state()
    monkeypatch.setattr(reader, "state", lambda: TopicState(state.topic_id, state.end, state.end))
    list(repair(lake, stream.window_seconds, lambda: reader))

    told = [finding["detail"] for finding in audit(lake).findings]

    partition, end = offsets_of(feed)[0]
    assert f"{feed.topic} partition {partition}, batch 1 [0, {end}): the ledger has {end} messages, bronze has 0" in [
        detail.split(" at ")[0] for detail in told
    ]


def test_a_topic_that_ends_before_the_messages_is_not_waited_for(
    lake: Lake, stream: Stream, before: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = stream.open_reader()
    state = reader.state()
    monkeypatch.setattr(reader, "state", lambda: TopicState(state.topic_id, state.start, state.start))

    assert lost(list(repair(lake, stream.window_seconds, lambda: reader)))


def test_messages_of_a_topic_that_the_stream_read_before_are_read_from_it(
    lake: Lake, stream: Stream, feed: Feed, before: pl.DataFrame, mock_kafka: MockKafka
) -> None:
    mock_kafka.publish(f"{feed.topic}.new", [b"other"] * 50)
    other = MockTopicReader(mock_kafka.connection, f"{feed.topic}.new")

    found = list(repair(lake, stream.window_seconds, lambda: other))

    assert lost(found) == []
    assert_lake_holds(lake, feed.log)


def test_batches_that_the_ledger_has_lost_too_are_named(lake: Lake, stream: Stream, before: pl.DataFrame) -> None:
    Path(lake.table(SILVER_BATCHES).file_uris()[0]).write_bytes(b"")

    found = list(repair(lake, stream.window_seconds, stream.open_reader))

    assert any(detail.startswith("the ledger has lost batches 1:") for detail in lost(found))


def test_the_command_fails_if_something_is_lost(
    lake: Lake, stream: Stream, feed: Feed, before: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = stream.open_reader()
    assert isinstance(reader, MockTopicReader)
    reader.topic_id = "second"
    monkeypatch.setenv("SALESINSIGHTS_LAKE", lake.root)
    monkeypatch.setattr(salesinsights_dagster.topic, "open_reader", lambda settings: reader)

    done = CliRunner().invoke(command)

    assert done.exit_code == 1
    for partition, end in offsets_of(feed):
        lost = f"partition {partition} of {feed.topic}, offsets [0, {end})"
        assert f"bronze_events: lost: the topic was deleted and recreated: {lost}" in done.output
    assert CliRunner().invoke(command).output == "nothing to repair\n"
