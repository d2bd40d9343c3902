"""A lake that can't be written: one error that says what to do, nothing half-written, and the next run goes on."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from assets.stream.micro_batch import micro_batches, open_stream
from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_EVENTS, CUSTOMER_DAYS, SILVER_EVENTS
from assets.upkeep.audit import audit
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader, KafkaUnavailableError
from resources.lake import Lake
from resources.lake_errors import LakeError
from resources.table_layout import PROPERTIES, TableLayout
from tests.faults.feed import Feed
from tests.faults.killed_run import COMMITS, Order, run_in_a_process
from tests.faults.oracle import assert_lake_holds
from tests.faults.standby import Ending, Standby
from tests.lakes import ALL, run
from tests.resources.mock_kafka import MockKafka, MockTopicReader

DATA_FITS_LOG_DOES_NOT = 4_500
ONLY_THE_CHECKPOINT_DOES_NOT_FIT = 12_000

ONE_OF_EACH_LAYER = (BRONZE_EVENTS, SILVER_EVENTS, CUSTOMER_DAYS)

RunOnFullDisk = Callable[[TableLayout, int], Ending]


@pytest.fixture
def run_on_full_disk(lake: Lake, mock_kafka: MockKafka, topic: str, standby: Standby) -> RunOnFullDisk:
    servers = mock_kafka.connection.bootstrap_servers
    return lambda layout, room: run_in_a_process(
        standby, Order(servers, topic, lake.root, "fill disk", layout.name, room)
    )


def data_files(lake: Lake, layout: TableLayout) -> int:
    return len(list(Path(lake.uri(layout)).glob("event_date=*/*.parquet")))


def file_at(path: Path) -> Path:
    """A file where a folder should be: even root, who may write everywhere, can't write to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def assert_readable(lake: Lake) -> None:
    assert all(isinstance(lake.table(layout).read(), pl.DataFrame) for layout in ALL)
    assert audit(lake).findings == []


@pytest.mark.parametrize("layout", COMMITS, ids=lambda layout: layout.name)
def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(
    lake: Lake, stream: Stream, feed: Feed, run_on_full_disk: RunOnFullDisk, layout: TableLayout
) -> None:
    feed.publish()
    run(lake, stream)
    feed.publish()

    ending = run_on_full_disk(layout, 0)

    assert ending.exit_code == 1
    assert re.search(rf"LakeError: {layout.name} can't be written: .*Check that .* its disk has space", ending.said)
    assert_readable(lake)
    run(lake, stream)
    assert_lake_holds(lake, feed.log)


def test_a_disk_that_fills_up_between_data_and_commit_is_not_filled_further_by_attempts(
    lake: Lake, stream: Stream, feed: Feed, run_on_full_disk: RunOnFullDisk
) -> None:
    feed.publish()
    run(lake, stream)
    feed.publish()
    before = data_files(lake, BRONZE_EVENTS)

    endings = [run_on_full_disk(BRONZE_EVENTS, DATA_FITS_LOG_DOES_NOT) for _ in range(5)]

    assert all("LakeError: bronze/events can't be written" in ending.said for ending in endings)
    assert data_files(lake, BRONZE_EVENTS) == before
    assert lake.table(BRONZE_EVENTS).progress("batch") == 1
    assert_readable(lake)
    run(lake, stream)
    assert_lake_holds(lake, feed.log)


@pytest.mark.parametrize("layout", ONE_OF_EACH_LAYER, ids=lambda layout: layout.name)
def test_a_checkpoint_that_does_not_fit_harms_nothing(
    lake: Lake,
    stream: Stream,
    feed: Feed,
    run_on_full_disk: RunOnFullDisk,
    layout: TableLayout,
) -> None:
    checkpointed = int(PROPERTIES["delta.checkpointInterval"]) - 1
    for _ in range(checkpointed - 1):
        feed.publish()
        run(lake, stream)
    feed.publish()

    ending = run_on_full_disk(layout, ONLY_THE_CHECKPOINT_DOES_NOT_FIT)

    assert f"LakeError: {layout.name} can't be written" in ending.said
    assert lake.table(layout).progress("batch") == checkpointed
    run(lake, stream)
    assert_lake_holds(lake, feed.log)


@pytest.mark.parametrize("layout", ONE_OF_EACH_LAYER, ids=lambda layout: layout.name)
def test_a_file_in_the_place_of_a_table_is_named(lake: Lake, stream: Stream, feed: Feed, layout: TableLayout) -> None:
    in_the_way = file_at(Path(lake.uri(layout)))
    feed.publish()

    with pytest.raises(LakeError, match=rf"{layout.name} can't be read at {lake.uri(layout)}"):
        run(lake, stream)

    in_the_way.unlink()
    run(lake, stream)
    assert_lake_holds(lake, feed.log)


def test_a_table_that_can_not_be_read_comes_with_the_remedy(lake: Lake) -> None:
    file_at(Path(lake.uri(BRONZE_EVENTS)))

    with pytest.raises(LakeError, match="SALESINSIGHTS_LAKE"):
        lake.table(BRONZE_EVENTS)


def test_a_file_in_the_place_of_a_day_is_named_with_the_remedy(lake: Lake, stream: Stream, feed: Feed) -> None:
    lake.table(BRONZE_EVENTS)
    in_the_way = file_at(Path(lake.uri(BRONZE_EVENTS)) / "event_date=2019-10-01")
    feed.publish()

    with pytest.raises(LakeError, match=r"bronze/events can't be written.*Check that the lake's folder"):
        run(lake, stream)

    assert_readable(lake)
    in_the_way.unlink()
    run(lake, stream)
    assert_lake_holds(lake, feed.log)


def test_a_broker_that_is_away_stops_the_run_and_nothing_else(lake: Lake, stream: Stream, feed: Feed) -> None:
    feed.publish()
    run(lake, stream)
    away = KafkaReader(KafkaConnection("127.0.0.1:1"), feed.topic, timeout=1)
    begun = datetime.now(UTC)

    with pytest.raises(KafkaUnavailableError, match=r"127\.0\.0\.1:1 did not answer .* KAFKA_BOOTSTRAP_SERVERS"):
        list(micro_batches(open_stream(lake), away, stream.clock, stream.batch_rows, stream.window_seconds))

    assert (datetime.now(UTC) - begun).total_seconds() < 25, "waited as if no time had been given: 30 s"
    feed.publish()
    run(lake, stream)
    assert_lake_holds(lake, feed.log)


def test_a_broker_that_falls_silent_in_the_middle_is_not_waited_for(mock_kafka: MockKafka, feed: Feed) -> None:
    feed.publish()
    reader = MockTopicReader(mock_kafka.connection, feed.topic, timeout=1)
    end = reader.state().end

    with pytest.raises(KafkaUnavailableError, match="no message came"):
        list(reader.read(dict.fromkeys(end, 0), {**end, 0: end[0] + 1}, 1_000))
