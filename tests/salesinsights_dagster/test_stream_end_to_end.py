"""The system as a shop runs it: real broker, Dagster's real daemon, its sensors, a file in the input folder."""

import json
import os
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from confluent_kafka import Producer

from assets.audit import audit
from assets.tables import PRODUCT_SALES
from assets.topics import events_topic
from resources.kafka_connection import KafkaConnection
from resources.kafka_topics import ensure_topic
from resources.lake import Lake
from salesinsights_dagster.dagster_process import DagsterProcess
from salesinsights_dagster.demo import free_port
from salesinsights_dagster.settings import Settings, load_settings
from tests.conftest import event

pytestmark = [pytest.mark.kafka, pytest.mark.daemon, pytest.mark.timeout(400)]

ASSET = """
{ assetNodeOrError(assetKey: {path: ["gold", "product_sales"]}) { ... on AssetNode {
    partitionStats { numMaterialized numFailed }
    assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization { status } } } } } } }
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, real_kafka: KafkaConnection) -> Settings:
    home = tmp_path_factory.mktemp("home")
    env = {"SALESINSIGHTS_HOME": str(home), "SALESINSIGHTS_TOPIC": "shop.end-to-end"}
    return load_settings({**env, "KAFKA_BOOTSTRAP_SERVERS": real_kafka.bootstrap_servers})


@pytest.fixture(scope="module")
def dagster(settings: Settings, real_kafka: KafkaConnection) -> Iterator[DagsterProcess]:
    ensure_topic(real_kafka, events_topic(settings.topic))
    env = {
        **os.environ,
        "SALESINSIGHTS_TOPIC": settings.topic,
        "KAFKA_BOOTSTRAP_SERVERS": real_kafka.bootstrap_servers,
    }
    running = DagsterProcess.start(settings, free_port(3000), env)
    running.await_ready()
    yield running
    group = running.process.pid
    running.stop()
    assert [p.pid for p in psutil.process_iter() if _group_of(p.pid) == group] == []


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def graphql(dagster: DagsterProcess, query: str) -> Any:
    request = urllib.request.Request(
        f"{dagster.url}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


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
    """The asset once every check has ended: its rows are there first, and the next run may be checking already."""
    deadline = time.monotonic() + 120
    while True:
        node = graphql(dagster, ASSET)["assetNodeOrError"]
        if _is_settled(node) or time.monotonic() > deadline:
            return node
        time.sleep(0.5)


def _is_settled(node: Any) -> bool:
    executions = [check["executionForLatestMaterialization"] for check in node["assetChecksOrError"]["checks"]]
    ended = all(execution and execution["status"] in ("SUCCEEDED", "FAILED") for execution in executions)
    return ended and node["partitionStats"]["numMaterialized"] == 2
