"""The system as a shop runs it: real broker, Dagster's real daemon, its sensors, a file in the input folder."""

import time
from datetime import UTC, datetime
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from confluent_kafka import Producer

from assets.upkeep.audit import audit
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake
from salesinsights_dagster.dagster_process import DagsterProcess
from salesinsights_dagster.settings import Settings
from tests.conftest import event
from tests.salesinsights_dagster.stream_runs import await_run, await_units, buy, newest_run

pytestmark = [pytest.mark.kafka, pytest.mark.daemon, pytest.mark.timeout(900)]

ASSET = """
{ assetNodeOrError(assetKey: {path: ["gold", "product_sales"]}) { ... on AssetNode {
    partitionStats { numMaterialized numFailed }
    assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization { status } } } } } } }
"""


TICK = """
{ sensorOrError(sensorSelector: {repositoryLocationName: "salesinsights", repositoryName: "__repository__",
                                 sensorName: "kafka"}) {
    ... on Sensor { sensorState { ticks(limit: 1) { status skipReason } } } } }
"""

RELOAD = """
mutation { reloadRepositoryLocation(repositoryLocationName: "salesinsights") {
    __typename ... on WorkspaceLocationEntry { loadStatus } } }
"""


def test_payments_reach_gold_by_the_sensor(
    settings: Settings, dagster: DagsterProcess, real_kafka: KafkaConnection
) -> None:
    producer, moment = Producer(real_kafka.options()), datetime.now(UTC).isoformat()
    for user in range(50):
        producer.produce(settings.topic, event(user_id=user, event_time=moment), b"%d" % user)
    producer.produce(settings.topic, b"not an event")
    assert producer.flush(20) == 0

    await_units(settings, 50, seconds=240)

    assert audit(Lake(settings.lake)).passed


def test_a_file_in_the_input_folder_reaches_gold(settings: Settings, dagster: DagsterProcess) -> None:
    settings.input_folder.mkdir(exist_ok=True)
    header = "event_time,event_type,product_id,price,user_id\n"
    rows = "".join(f"2019-10-01 00:00:00 UTC,purchase,{product},1.00,7\n" for product in range(30))
    (settings.input_folder / "day.csv").write_text(header + rows)

    await_units(settings, 80, seconds=240)

    assert (settings.input_folder / "archive" / "day.csv").exists()


def test_the_ui_shows_the_days_and_the_checks(settings: Settings, dagster: DagsterProcess) -> None:
    await_units(settings, 80, seconds=240)

    node = _await_checks(dagster)

    assert node["partitionStats"] == {"numMaterialized": 2, "numFailed": 0}
    checks = {
        check["name"]: check["executionForLatestMaterialization"] for check in node["assetChecksOrError"]["checks"]
    }
    assert checks["revenue_matches_silver"]["status"] == "SUCCEEDED"


def _await_checks(dagster: DagsterProcess) -> Any:
    """The asset once every check has ended: its rows come first, and the next run may already be checking."""
    deadline = time.monotonic() + 240
    while True:
        node = dagster.ask(ASSET)["assetNodeOrError"]
        if _is_settled(node) or time.monotonic() > deadline:
            return node
        time.sleep(0.5)


def _is_settled(node: Any) -> bool:
    executions = [check["executionForLatestMaterialization"] for check in node["assetChecksOrError"]["checks"]]
    ended = all(execution and execution["status"] in ("SUCCEEDED", "FAILED") for execution in executions)
    return ended and node["partitionStats"]["numMaterialized"] == 2


def test_the_run_stays_and_the_sensor_says_so(settings: Settings, dagster: DagsterProcess) -> None:
    run = await_run(dagster, lambda run, status: status == "STARTED")

    deadline = time.monotonic() + 240
    while f"stream run {run[:8]} has been reading since" not in (reason := _skip_reason(dagster)):
        assert time.monotonic() < deadline, reason
        time.sleep(1)

    assert "the lake is at batch" in reason


def test_a_reloaded_code_location_does_not_disturb_the_run(
    settings: Settings, dagster: DagsterProcess, real_kafka: KafkaConnection
) -> None:
    run = await_run(dagster, lambda run, status: status == "STARTED")

    reloaded = dagster.ask(RELOAD)["reloadRepositoryLocation"]
    buy(real_kafka, settings, 1_000)

    assert reloaded == {"__typename": "WorkspaceLocationEntry", "loadStatus": "LOADED"}
    await_units(settings, 81, seconds=240)
    assert newest_run(dagster) == (run, "STARTED")


def _skip_reason(dagster: DagsterProcess) -> str:
    ticks = dagster.ask(TICK)["sensorOrError"]["sensorState"]["ticks"]
    return str(ticks[0]["skipReason"]) if ticks else ""


def test_a_run_that_is_ended_in_the_ui_ends_and_the_next_one_goes_on(
    settings: Settings, dagster: DagsterProcess, real_kafka: KafkaConnection
) -> None:
    run = await_run(dagster, lambda run, status: status == "STARTED")

    dagster.ask(f'mutation {{ terminateRun(runId: "{run}") {{ __typename }} }}')
    ended = await_run(dagster, lambda newest, status: newest != run or status == "CANCELED")
    buy(real_kafka, settings, 1_001)

    assert ended == run
    await_units(settings, 82, seconds=240)
    assert newest_run(dagster)[0] != run
    assert audit(Lake(settings.lake)).passed


def test_a_run_whose_process_is_killed_is_replaced(
    settings: Settings, dagster: DagsterProcess, real_kafka: KafkaConnection
) -> None:
    run = await_run(dagster, lambda run, status: status == "STARTED")
    workers = [
        process
        for process in psutil.Process(dagster.process.pid).children(recursive=True)
        if "spawn_main" in " ".join(process.cmdline())
    ]

    for worker in workers:
        worker.kill()
    buy(real_kafka, settings, 1_002)

    assert workers
    await_units(settings, 83, seconds=240)
    assert newest_run(dagster)[0] != run
    assert audit(Lake(settings.lake)).passed
