from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from polars.testing import assert_frame_equal

from assets.runs.clock import Clock
from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_EVENTS, PRODUCT_SALES, SILVER_EVENTS, TABLES
from assets.upkeep import lake_files as upkeep
from assets.upkeep.lake_files import keep_up
from assets.upkeep.run_history import prune_runs
from assets.upkeep.upkeep_assets import LAKE_FILES, lake_files, run_history
from resources.lake import Lake
from resources.lake_errors import ConcurrentCommitError
from resources.lake_table import LakeTable
from tests.conftest import event
from tests.lakes import age, rows, run, snapshot
from tests.resources.mock_kafka import MockKafka

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLOSED = date(2019, 10, 1)
DAYS = dg.DailyPartitionsDefinition(start_date="2024-01-01")


@dg.asset(partitions_def=DAYS)
def daily() -> None:
    """A day."""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as local:
        yield local


def files_on_disk(lake: Lake) -> int:
    return sum(1 for path in Path(lake.root).rglob("*.parquet") if "_delta_log" not in path.parts)


def files_named(lake: Lake) -> int:
    return sum(lake.table(layout).files().height for layout in TABLES.values())


def test_closed_days_end_up_in_one_file_with_the_same_rows(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    for number in range(4):
        mock_kafka.publish(topic, [event(user_id=number), event(user_id=number, event_time=NOW.isoformat()), b"{"])
        run(lake, stream)
    before = snapshot(lake)

    cares = {care.table: care for care in keep_up(lake, NOW)}

    assert (cares["silver_events"].files_before, cares["silver_events"].files_after) == (8, 5)
    assert not any(care.is_put_off for care in cares.values())
    for name, frame in snapshot(lake).items():
        assert_frame_equal(frame, before[name])
    assert {care.table: care.files_after for care in keep_up(lake, NOW)} == {
        name: care.files_after for name, care in cares.items()
    }


def test_files_that_no_reader_can_want_are_deleted_and_younger_ones_stay(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock_kafka.publish(topic, [event()])
    run(lake, stream)
    mock_kafka.publish(topic, [event(user_id=2)])
    run(lake, stream)
    orphan = Path(lake.uri(PRODUCT_SALES)) / "event_date=2019-10-01" / "part-orphan.parquet"
    orphan.write_bytes(b"x")
    list(keep_up(lake, NOW))
    assert orphan.exists()
    assert files_on_disk(lake) > files_named(lake)

    vacuum = LakeTable.vacuum
    monkeypatch.setattr(LakeTable, "vacuum", lambda table, hours: age(table, hours, vacuum))
    deleted = sum(care.deleted for care in keep_up(lake, NOW))

    assert deleted > 3
    assert not orphan.exists()
    assert files_on_disk(lake) == files_named(lake)
    assert rows(lake, SILVER_EVENTS).height == 2


def test_a_day_that_is_being_replaced_waits_for_the_next_turn(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beaten(*_: object) -> int:
        raise ConcurrentCommitError("another writer")

    for number in range(2):
        mock_kafka.publish(topic, [event(user_id=number)])
        run(lake, stream)
    monkeypatch.setattr(LakeTable, "compact", beaten)

    put_off = [care.table for care in keep_up(lake, NOW) if care.is_put_off]

    assert put_off == ["bronze_events", "silver_events", "silver_purchases", "customer_days"]


def test_an_open_day_is_left_to_the_stream(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    for number in range(2):
        mock_kafka.publish(topic, [event(user_id=number)])
        run(lake, stream)
    bronze = lake.table(BRONZE_EVENTS)

    assert upkeep.scattered_days(bronze, NOW) == [CLOSED]
    assert upkeep.scattered_days(bronze, datetime(2019, 10, 1, 23, tzinfo=UTC)) is None


def test_the_ui_is_told_what_was_saved(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, instance: dg.DagsterInstance
) -> None:
    for number in range(3):
        mock_kafka.publish(topic, [event(user_id=number)])
        run(lake, stream)
    resources = {"lake": lake, "clock": Clock(lambda: NOW)}

    result = dg.materialize([lake_files, run_history], instance=instance, resources=resources)

    (files,) = [m for m in result.get_asset_materialization_events() if m.asset_key == LAKE_FILES.key]
    assert files.materialization.metadata["files_saved"].value == 8
    assert result.success


def test_old_runs_go_and_the_days_that_they_made_stay_green(instance: dg.DagsterInstance) -> None:
    for number in range(6):
        dg.materialize([daily], partition_key=f"2024-01-0{1 + number % 2}", instance=instance)
    now = datetime.now(UTC)

    young = prune_runs(instance, now, at_most=100)
    old = prune_runs(instance, now + timedelta(days=3), at_most=3)
    rest = prune_runs(instance, now + timedelta(days=3), at_most=100)

    assert (young, old, rest, instance.get_runs_count()) == (0, 3, 1, 2)
    assert instance.get_materialized_partitions(daily.key) == {"2024-01-01", "2024-01-02"}
    folder = Path(instance.root_directory)
    assert len([path for path in (folder / "history" / "runs").glob("*.db") if path.stem != "index"]) == 2
    assert len(list((folder / "storage").glob("*/compute_logs/*.err"))) == 2
