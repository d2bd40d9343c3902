from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from assets.events.contract import EARLIEST
from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_ARCHIVE_MONTHS, BRONZE_EVENTS, SILVER_EVENTS, USER_FEATURES
from assets.tables.asset_specs import key_of
from resources.lake import Lake
from salesinsights_dagster.calendar_start import calendar_start
from salesinsights_dagster.definitions import build_definitions
from salesinsights_dagster.setting_types import EARLIEST_DAY
from salesinsights_dagster.settings import Settings, load_settings
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka


@pytest.fixture
def settings(tmp_path: Path, lake: Lake) -> Settings:
    return load_settings({"SALESINSIGHTS_HOME": str(tmp_path), "SALESINSIGHTS_LAKE": lake.root})


def test_the_calendar_of_a_new_shop_has_every_day_that_may_come(settings: Settings) -> None:
    assert calendar_start(settings) == EARLIEST_DAY == EARLIEST.date()


def test_who_knows_when_the_shop_opens_says_where_an_empty_calendar_begins(settings: Settings, tmp_path: Path) -> None:
    later = settings.model_copy(update={"first_day": date(2026, 11, 20)})

    assert calendar_start(settings, date(2026, 11, 1)) == date(2026, 11, 1)
    assert calendar_start(later, date(2026, 11, 1)) == date(2026, 11, 20)
    settings.archive_folder.mkdir(exist_ok=True)
    (settings.archive_folder / "2019-Oct.csv").touch()
    assert calendar_start(settings, date(2026, 11, 1)) == date(2019, 10, 1)


def test_the_calendar_begins_with_the_month_of_the_oldest_event(
    settings: Settings, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(
        topic, [event(event_time="2019-11-20 12:00:00 UTC"), event(event_time="2020-01-02 00:00:00 UTC")]
    )
    run(lake, stream)

    assert calendar_start(settings) == date(2019, 11, 1)


def test_the_calendar_has_the_months_that_wait_in_the_archive_folder(
    settings: Settings, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [event(event_time="2019-11-20 12:00:00 UTC")])
    run(lake, stream)
    settings.archive_folder.mkdir(exist_ok=True)
    for name in ("2019-Oct.csv.gz", "2019-Feb.csv.bak", "notes.csv"):
        (settings.archive_folder / name).touch()

    assert calendar_start(settings) == date(2019, 10, 1)


def test_a_lake_that_cannot_be_read_hides_no_day(tmp_path: Path) -> None:
    log = tmp_path / "lake" / "bronze" / "events" / "_delta_log"
    log.mkdir(parents=True)
    (log / "00000000000000000000.json").write_text("not a log")

    assert calendar_start(load_settings({"SALESINSIGHTS_HOME": str(tmp_path)})) == EARLIEST_DAY


def test_every_asset_with_days_begins_at_the_setting_and_each_day_still_has_its_month(tmp_path: Path) -> None:
    env = {"SALESINSIGHTS_HOME": str(tmp_path), "SALESINSIGHTS_FIRST_DAY": "2026-10-15"}
    graph = build_definitions(load_settings(env)).resolve_asset_graph()
    days = {
        layout.name: graph.get(key_of(layout)).partitions_def
        for layout in (BRONZE_EVENTS, SILVER_EVENTS, USER_FEATURES)
    }

    assert {found.get_first_partition_key() for found in days.values() if found} == {"2026-10-15"}
    assert len({str(found) for found in days.values()}) == 1
    months = graph.get(key_of(BRONZE_ARCHIVE_MONTHS)).partitions_def
    assert months is not None
    assert months.get_first_partition_key() == "2019-01-01"
    assert dg.Definitions.validate_loadable(build_definitions(load_settings(env))) is None
