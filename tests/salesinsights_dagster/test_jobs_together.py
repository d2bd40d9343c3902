"""Every job and backfill of the location on one instance, one after the other, and then again.

What Dagster remembers of one run changes how it plans and starts the next: each may work alone, and fail together.
"""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.stream.stream_assets import DAYS_OF_STREAM, Stream
from assets.tables import SILVER_EVENTS, USER_FEATURES
from assets.tables.asset_specs import key_of
from assets.upkeep.audit import audit
from resources.lake import Lake
from resources.table_layout import TableLayout
from salesinsights_dagster import definitions
from salesinsights_dagster.definitions import build_definitions
from salesinsights_dagster.settings import load_settings
from salesinsights_dagster.simulator.month_file import write_month
from salesinsights_dagster.simulator.shop import Shop
from tests.conftest import event
from tests.resources.mock_kafka import MockKafka

LINES, DAYS = 3_000, 3


class Location:
    """The whole code location on one instance, with a stream from the mock broker."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.settings = load_settings({"SALESINSIGHTS_HOME": str(home), "SALESINSIGHTS_SALES_TOPIC": ""})
        self._defs = build_definitions(self.settings)
        self._instance = instance

    def run(self, job: str, **how: Any) -> None:
        assert self._defs.resolve_job_def(job).execute_in_process(instance=self._instance, **how).success

    def materialize(self, *layouts: TableLayout, **how: Any) -> None:
        """Materialize a selection of assets as the UI does."""
        every = self._defs.resolve_implicit_global_asset_job_def()
        keys = [key_of(one) for one in layouts]
        assert every.execute_in_process(instance=self._instance, asset_selection=keys, **how).success


def a_few_days(month: Path) -> None:
    """Leave only the first days of a month's file: each day costs every table a file, and each job its time."""
    header, *lines = month.read_text().splitlines(keepends=True)
    month.write_text("".join([header, *(line for line in lines if int(line[8:10]) <= DAYS)]))


@pytest.fixture
def location(tmp_path: Path, stream: Stream, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(definitions, "stream_of", lambda settings: stream)
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        yield Location(tmp_path / "home", instance)


def test_each_run_succeeds_after_all_the_others(location: Location, mock_kafka: MockKafka, topic: str) -> None:
    archive = location.settings.archive_folder
    archive.mkdir(parents=True)
    for seed in (1, 2):
        a_few_days(write_month(Shop(seed), 2019, 9 + seed, LINES, archive))
    lake = Lake(location.settings.lake)
    days = {"dagster/asset_partition_range_start": "2019-10-01", "dagster/asset_partition_range_end": "2019-10-05"}

    for turn, month in enumerate(("2019-10-01", "2019-11-01"), start=1):
        mock_kafka.publish(topic, [event(user_id=turn), event(user_id=turn, event_type="cart"), b"junk"])
        location.run("stream")
        assert lake.table(SILVER_EVENTS).read(f"source = '{topic}'").height == 2 * turn
        location.run("archive", partition_key=month)
        location.run("customers")
        location.run("upkeep")
        location.run("proof")
        location.materialize(*DAYS_OF_STREAM, tags=days)
        location.materialize(USER_FEATURES, partition_key="2019-10-05")

    assert audit(lake).findings == []
