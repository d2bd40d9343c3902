from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationPlanned,
)

from assets.stream.stream_assets import Stream
from resources.lake import Lake
from salesinsights_dagster.dagster_process import prepare_home
from salesinsights_dagster.dashboard.dagster_history import KEYS, dagster_opener, history_reader, read_history
from salesinsights_dagster.definitions import build_definitions
from salesinsights_dagster.settings import load_settings
from tests.assets.stream.dagster_runs import execute
from tests.conftest import event
from tests.resources.mock_kafka import MockKafka


def test_a_run_leaves_its_checks_and_stages(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    hours_ago = datetime.now(UTC) - timedelta(hours=3)
    mock_kafka.publish(topic, [event(event_time=hours_ago.isoformat())])
    with dg.DagsterInstance.ephemeral() as instance:
        before = read_history(instance)
        execute(lake, stream, instance)
        found = read_history(instance)

    assert (before.checks.height, before.stages.height) == (0, 0)
    states = {check: state for check, _, state, _ in found.checks.iter_rows()}
    assert states["messages_accounted_for"] == "passed"
    assert states["event_time_lag"] == "failed"
    assert found.checks["state"][0] == "failed"
    assert {"read", "parse", "bronze", "silver", "gold"} <= set(found.stages["stage"])
    assert found.stages["seconds"].min() >= 0  # type: ignore[operator]


def test_a_run_that_has_only_planned_its_checks_hides_no_outcome(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [event()])
    with dg.DagsterInstance.ephemeral() as instance:
        execute(lake, stream, instance)
        before = read_history(instance)
        run_id = instance.add_run(dg.DagsterRun(job_name="stream")).run_id
        for key in KEYS:
            planned = AssetCheckEvaluationPlanned(asset_key=key.asset_key, check_name=key.name)
            kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value
            instance.report_dagster_event(dg.DagsterEvent(kind, "stream", event_specific_data=planned), run_id)
        found = read_history(instance)

    assert found.checks.equals(before.checks)


def test_of_a_check_that_a_run_evaluates_again_the_last_time_is_shown() -> None:
    key, begun = KEYS[0], datetime.now(UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        run_id = instance.add_run(dg.DagsterRun(job_name="stream")).run_id
        planned = AssetCheckEvaluationPlanned(asset_key=key.asset_key, check_name=key.name)
        kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value
        instance.report_dagster_event(dg.DagsterEvent(kind, "stream", event_specific_data=planned), run_id)
        for minutes in (1, 2):
            result = AssetCheckEvaluation(asset_key=key.asset_key, check_name=key.name, passed=True, metadata={})
            told = dg.DagsterEvent("ASSET_CHECK_EVALUATION", "stream", event_specific_data=result)
            at = (begun + timedelta(minutes=minutes)).timestamp()
            instance.report_dagster_event(told, run_id, timestamp=at)
        found = read_history(instance).checks

    assert found["checked_at"].to_list() == [begun + timedelta(minutes=2)]


def test_every_check_of_the_location_is_shown(tmp_path: Path) -> None:
    defs = build_definitions(load_settings({"SALESINSIGHTS_HOME": str(tmp_path)}))

    assert set(KEYS) == set(defs.resolve_asset_graph().asset_check_keys)


def test_a_home_is_read_once_dagster_has_made_it(tmp_path: Path) -> None:
    settings = load_settings({"SALESINSIGHTS_HOME": str(tmp_path)})
    read = history_reader(dagster_opener(settings))
    assert read().checks.is_empty()
    assert not settings.dagster_home.exists()

    prepare_home(settings)

    assert read().checks.is_empty()
    assert settings.dagster_home.exists()
