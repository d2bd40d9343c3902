"""What Dagster's own records raise: runs, backfills, checks and ticks that failed, or that somebody ended."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.scheduler.instigation import SensorInstigatorData

from assets.runs.last_results import OF_RUN
from assets.stream.live_run import LIVE
from sensors.customer_automation import customer_automation
from sensors.foreign_cursor import mend_cursor
from sensors.run_alarms import (
    BY_HAND,
    KIND,
    STEADY,
    backfill_alarms,
    check_results,
    launched_alarms,
    run_alarms,
    states_of,
    tick_alarms,
)
from tests.sensors.sensor_ticks import a_sensor, a_tick

KEY = dg.AssetKey(["gold", "product_sales"])


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as found:
        yield found


def now() -> datetime:
    return datetime.now(UTC)


def end(instance: dg.DagsterInstance, run_id: str, status: str, job: str = "stream", **more: object) -> None:
    usual = {"job_name": job, "status": dg.DagsterRunStatus(status)}
    instance.add_run(dg.DagsterRun(run_id=run_id, **{**usual, **more}))  # type: ignore[arg-type]


def holds(alarms: object) -> dict[str, bool]:
    assert isinstance(alarms, dict)
    return {name: fault is not None for name, fault in alarms.items()}


@pytest.mark.parametrize("status", ["FAILURE", "CANCELED"])
def test_a_run_that_failed_or_was_ended_is_an_alarm_until_the_next_good_one(
    instance: dg.DagsterInstance, status: str
) -> None:
    before = run_alarms(instance, ["upkeep"], now())
    end(instance, "11111111-0000", status, "upkeep")
    bad = run_alarms(instance, ["upkeep"], now())
    end(instance, "22222222-0000", "SUCCESS", "upkeep")

    assert (holds(before), holds(bad)) == ({"failed_run/upkeep": False}, {"failed_run/upkeep": True})
    assert "/runs/11111111-0000" in str(bad["failed_run/upkeep"])
    assert holds(run_alarms(instance, ["upkeep"], now())) == {"failed_run/upkeep": False}


def test_a_run_that_automation_started_counts_for_the_job_that_does_the_same(instance: dg.DagsterInstance) -> None:
    end(instance, "11111111-0000", "FAILURE", BY_HAND, tags={KIND: "customers"})

    assert holds(run_alarms(instance, ["customers"], now())) == {"failed_run/customers": True}
    assert launched_alarms(instance, now()) == {}


def test_a_successor_that_stays_makes_up_for_a_failed_run_once_it_has_read_for_a_while(
    instance: dg.DagsterInstance,
) -> None:
    end(instance, "11111111-0000", "FAILURE", tags={LIVE: "true"})
    end(instance, "22222222-0000", "STARTING", tags={LIVE: "true"})
    started = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "stream")
    instance.report_dagster_event(started, "22222222-0000", timestamp=time.time())

    found = [run_alarms(instance, ["stream"], now() + later) for later in (timedelta(), STEADY)]

    assert [holds(alarms) for alarms in found] == [{"failed_run/stream": True}, {"failed_run/stream": False}]


def test_what_somebody_materialized_is_told_by_its_assets_until_it_is_made(instance: dg.DagsterInstance) -> None:
    chosen = {"asset_selection": {KEY}, "tags": {"dagster/partition": "2026-01-01"}}
    end(instance, "11111111-0000", "CANCELED", BY_HAND, **chosen)
    end(instance, "22222222-0000", "SUCCESS", BY_HAND, asset_selection={dg.AssetKey("other")})
    bad = launched_alarms(instance, now())
    end(instance, "33333333-0000", "SUCCESS", BY_HAND, **chosen)

    name = "failed_run/gold/product_sales of 2026-01-01"
    assert (holds(bad), holds(launched_alarms(instance, now()))) == ({name: True}, {name: False})
    assert launched_alarms(instance, now() + timedelta(days=8)) == {}


def backfill(instance: dg.DagsterInstance, name: str, status: BulkActionStatus) -> None:
    made = PartitionBackfill(
        name, status, False, {}, time.time(), asset_selection=[KEY], serialized_asset_backfill_data=""
    )
    instance.add_backfill(made)


@pytest.mark.parametrize("status", ["FAILED", "COMPLETED_FAILED", "CANCELED"])
def test_a_backfill_that_failed_or_was_ended_is_an_alarm_until_a_good_one(
    instance: dg.DagsterInstance, status: str
) -> None:
    backfill(instance, "aaaaaaaa", BulkActionStatus(status))
    backfill(instance, "bbbbbbbb", BulkActionStatus.REQUESTED)
    bad = backfill_alarms(instance, now())
    backfill(instance, "cccccccc", BulkActionStatus.COMPLETED_SUCCESS)

    name = "failed_backfill/gold/product_sales"
    assert (holds(bad), holds(backfill_alarms(instance, now()))) == ({name: True}, {name: False})
    assert "/runs/b/aaaaaaaa" in str(bad[name])


def test_a_check_has_the_result_of_its_last_run_while_a_new_one_has_only_planned_it(
    instance: dg.DagsterInstance,
) -> None:
    is_fine = iter([False, True])

    @dg.asset(check_specs=[dg.AssetCheckSpec("whole", asset="sales")])
    def sales() -> dg.MaterializeResult:
        warn = dg.AssetCheckSeverity.WARN
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=next(is_fine), severity=warn)])

    key = dg.AssetCheckKey(sales.key, "whole")
    dg.materialize([sales], instance=instance)
    failed = check_results(instance, [key])["failed_check/sales/whole"]
    planned = AssetCheckEvaluationPlanned(asset_key=key.asset_key, check_name=key.name)
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value
    run_id = instance.add_run(dg.DagsterRun("stream")).run_id
    instance.report_dagster_event(dg.DagsterEvent(kind, "stream", event_specific_data=planned), run_id)
    while_planned = check_results(instance, [key])["failed_check/sales/whole"]
    dg.materialize([sales], instance=instance)

    assert (failed.fault is not None, failed.is_warning, while_planned) == (True, True, failed)
    assert failed.at > 0
    assert check_results(instance, [key])["failed_check/sales/whole"].fault is None


def test_a_repeated_result_is_none_of_its_own(instance: dg.DagsterInstance) -> None:
    @dg.asset(check_specs=[dg.AssetCheckSpec("whole", asset="sales")])
    def sales() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False, metadata={OF_RUN: "earlier"})])

    dg.materialize([sales], instance=instance)

    (found,) = check_results(instance, [dg.AssetCheckKey(sales.key, "whole")]).values()
    assert (found.fault is not None, found.at) == (True, 0.0)


def test_a_sensor_whose_ticks_fail_is_an_alarm_that_says_why(instance: dg.DagsterInstance) -> None:
    state = a_sensor(instance, "input_folder")
    found = []
    for at, status in enumerate(["FAILURE", "FAILURE", "STARTED", "FAILURE", "SKIPPED"], start=1):
        a_tick(instance, state, status, float(at))
        found.append(tick_alarms(instance, ["input_folder", "kafka"]))

    assert [alarms["failing_sensor/input_folder"] is not None for alarms in found] == [False, False, False, True, False]
    assert "ValueError: no cursor of ours" in str(found[3]["failing_sensor/input_folder"])
    assert found[3]["failing_sensor/kafka"] is None


@pytest.mark.parametrize("cursor", ["garbage", "{}", "5", "0", "", '{"told": {}, "turns": {}}', "1eJx"])
def test_the_cursor_of_automation_is_emptied_where_dagster_could_not_read_it(
    instance: dg.DagsterInstance, cursor: str
) -> None:
    a_sensor(instance, customer_automation.name, cursor)

    assert [mend_cursor(instance), mend_cursor(instance)] == [True, False]
    (state,) = states_of(instance, customer_automation.name)
    assert isinstance(state.instigator_data, SensorInstigatorData)
    assert state.instigator_data.cursor is None
