"""The system as a shop runs it: real broker, Dagster's real daemon, its sensors, a file in the input folder."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Producer

from assets.tables import PRODUCT_SALES
from assets.upkeep.audit import audit
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake
from salesinsights_dagster.dagster_process import DagsterProcess
from salesinsights_dagster.settings import Settings
from tests.conftest import event

pytestmark = [pytest.mark.kafka, pytest.mark.daemon, pytest.mark.timeout(400)]

ASSET = """
{ assetNodeOrError(assetKey: {path: ["gold", "product_sales"]}) { ... on AssetNode {
    partitionStats { numMaterialized numFailed }
    assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization { status } } } } } } }
"""


def await_units(settings: Settings, units: int, seconds: float) -> None:
    lake, deadline = Lake(settings.lake), time.monotonic() + seconds
    while lake.table(PRODUCT_SALES).read()["units"].sum() < units:
        assert time.monotonic() < deadline, (settings.dagster_home / "dagster.log").read_text()[-3_000:]
        time.sleep(0.5)


def test_payments_reach_gold_by_the_sensor(
    settings: Settings, dagster: DagsterProcess, real_kafka: KafkaConnection
) -> None:
    producer = Producer(real_kafka.options())
    for user in range(50):
        producer.produce(settings.topic, event(user_id=user, event_time=datetime.now(UTC).isoformat()), b"%d" % user)
    producer.produce(settings.topic, b"not an event")
    assert producer.flush(20) == 0

    await_units(settings, 50, seconds=120)

    assert audit(Lake(settings.lake)).passed


def test_a_file_in_the_input_folder_reaches_gold(settings: Settings, dagster: DagsterProcess) -> None:
    settings.input_folder.mkdir(exist_ok=True)
    header = "event_time,event_type,product_id,price,user_id\n"
    rows = "".join(f"2019-10-01 00:00:00 UTC,purchase,{product},1.00,7\n" for product in range(30))
    (settings.input_folder / "day.csv").write_text(header + rows)

    await_units(settings, 80, seconds=180)

    assert (settings.input_folder / "archive" / "day.csv").exists()


def test_the_ui_shows_the_days_and_the_checks(settings: Settings, dagster: DagsterProcess) -> None:
    await_units(settings, 80, seconds=60)

    node = _await_checks(dagster)

    assert node["partitionStats"] == {"numMaterialized": 2, "numFailed": 0}
    checks = {
        check["name"]: check["executionForLatestMaterialization"] for check in node["assetChecksOrError"]["checks"]
    }
    assert checks["revenue_matches_silver"]["status"] == "SUCCEEDED"


def _await_checks(dagster: DagsterProcess) -> Any:
    """The asset once every check has ended: its rows come first, and the next run may already be checking."""
    deadline = time.monotonic() + 120
    while True:
        node = dagster.ask(ASSET)["assetNodeOrError"]
        if _is_settled(node) or time.monotonic() > deadline:
            return node
        time.sleep(0.5)


def _is_settled(node: Any) -> bool:
    executions = [check["executionForLatestMaterialization"] for check in node["assetChecksOrError"]["checks"]]
    ended = all(execution and execution["status"] in ("SUCCEEDED", "FAILED") for execution in executions)
    return ended and node["partitionStats"]["numMaterialized"] == 2
