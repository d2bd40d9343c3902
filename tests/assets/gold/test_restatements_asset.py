"""The restatements asset as Dagster runs it, and who else looks."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.archive.month_files import find_month
from assets.archive.month_loader import load_month
from assets.gold.restatements import look_in_time
from assets.gold.restatements_asset import restatements
from assets.runs.clock import Clock
from assets.stream import stream_assets
from assets.stream.stream_assets import Stream
from assets.tables import PRODUCT_SALES, RESTATEMENTS
from resources.lake import Lake
from resources.lake_errors import LakeError
from tests.assets.archive.month_lines import HEADER, PURCHASE, put
from tests.assets.stream.dagster_runs import execute, partitions
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

SEEN = "product_sales/version"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def look(lake: Lake, clock: Callable[[], datetime]) -> dg.ExecuteInProcessResult:
    return dg.materialize([restatements], resources={"lake": lake, "clock": Clock(clock)})


def test_what_nobody_can_know_fails_a_check_that_names_the_time(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, clock: Callable[[], datetime]
) -> None:
    mock_kafka.publish(topic, [event()])
    run(lake, stream)
    good = look(lake, clock)
    mock_kafka.publish(topic, [event(user_id=2)])
    run(lake, stream)
    lake.table(PRODUCT_SALES).purge()

    (check,) = look(lake, clock).get_asset_check_evaluations()

    assert [one.passed for one in good.get_asset_check_evaluations()] == [True]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert check.metadata.keys() == {"unknown_since", "unknown_until"}


def test_the_check_can_be_executed_alone(lake: Lake, clock: Callable[[], datetime]) -> None:
    checks = dg.AssetSelection.checks_for_assets(restatements)
    defs = dg.Definitions(
        assets=[restatements],
        jobs=[dg.define_asset_job("alone", checks)],
        resources={"lake": lake, "clock": Clock(clock)},
    )

    result = defs.resolve_job_def("alone").execute_in_process()

    assert [one.passed for one in result.get_asset_check_evaluations()] == [True]
    assert result.get_asset_materialization_events() == []


def test_a_run_of_the_stream_and_a_load_look_before_they_change_gold(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str, tmp_path: Path
) -> None:
    mock_kafka.publish(topic, [event()])
    execute(lake, stream, instance)
    before_the_run = lake.table(RESTATEMENTS).progress(SEEN)
    look_in_time(lake, datetime.now(UTC) + timedelta(hours=2))
    seen_then, sales = lake.table(RESTATEMENTS).progress(SEEN), lake.table(PRODUCT_SALES).version
    put(tmp_path, [PURCHASE], header=HEADER)
    load_month(lake, find_month(tmp_path, date(2019, 10, 1)), datetime.now(UTC) + timedelta(hours=4), 45)

    assert (before_the_run, seen_then) == (0, sales)
    assert lake.table(RESTATEMENTS).progress(SEEN) == sales < lake.table(PRODUCT_SALES).version


def test_no_sale_waits_for_a_ledger_that_is_broken(
    lake: Lake,
    stream: Stream,
    instance: dg.DagsterInstance,
    mock_kafka: MockKafka,
    topic: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise LakeError("gold/restatements can't be read")

    monkeypatch.setattr(stream_assets, "look_in_time", broken)
    mock_kafka.publish(topic, [event()])

    assert partitions(execute(lake, stream, instance))["gold/product_sales"] == ["2019-10-01"]
