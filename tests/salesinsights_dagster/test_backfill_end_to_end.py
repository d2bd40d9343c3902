"""A backfill of months, launched as the UI launches it, beside the live stream."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Producer

from assets.tables import BRONZE_ARCHIVE_MONTHS, SILVER_EVENTS
from assets.upkeep.audit import audit
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake
from salesinsights_dagster.dagster_process import DagsterProcess
from salesinsights_dagster.settings import Settings
from salesinsights_dagster.simulator.month_file import write_month
from salesinsights_dagster.simulator.shop import Shop
from tests.conftest import event

pytestmark = [pytest.mark.kafka, pytest.mark.daemon, pytest.mark.timeout(900)]

LINES = 20_000
MONTHS = ["2019-10-01", "2019-11-01"]
WITHOUT_FILE = "2020-01-01"
DAYS_OF_MONTHS = 31 + 30

LAUNCH = """
mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
STATUS = """
query ($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {
    status runs { status }
    assetBackfillData { assetBackfillStatuses { ... on AssetPartitionsStatusCounts {
        assetKey { path } numPartitionsTargeted numPartitionsMaterialized numPartitionsFailed } } } } } }
"""
PARTITIONS = """
query ($path: [String!]!) { assetNodeOrError(assetKey: {path: $path}) { ... on AssetNode {
    partitionStats { numMaterialized numFailed } } } }
"""


def launch(dagster: DagsterProcess, months: list[str]) -> str:
    params = {"assetSelection": [{"path": BRONZE_ARCHIVE_MONTHS.name.split("/")}], "partitionNames": months}
    launched = dagster.ask(LAUNCH, {"params": params})["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    backfill: str = launched["backfillId"]
    return backfill


def ended(dagster: DagsterProcess, backfill: str, seconds: float = 240) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        status = dagster.ask(STATUS, {"id": backfill})["partitionBackfillOrError"]
        if status["status"] not in ("REQUESTED", "CANCELING") or time.monotonic() > deadline:
            return status
        time.sleep(1)


def test_months_are_backfilled_as_the_ui_does_it_while_payments_arrive(
    settings: Settings, dagster: DagsterProcess, real_kafka: KafkaConnection
) -> None:
    settings.archive_folder.mkdir(exist_ok=True)
    for month in (10, 11):
        write_month(Shop(seed=month), 2019, month, LINES, settings.archive_folder)
    producer = Producer(real_kafka.options())
    # All payments are of one day, even if midnight passes meanwhile.
    moment = datetime.now(UTC).isoformat()

    backfill = launch(dagster, [*MONTHS, WITHOUT_FILE])
    paid = 0
    while dagster.ask(STATUS, {"id": backfill})["partitionBackfillOrError"]["status"] == "REQUESTED":
        producer.produce(settings.topic, event(user_id=paid, event_time=moment), b"1")
        paid += 1
        producer.flush(20)
        time.sleep(0.5)
    status = ended(dagster, backfill)

    assert sorted(run["status"] for run in status["runs"]) == ["FAILURE", "SUCCESS", "SUCCESS"]
    (counts,) = status["assetBackfillData"]["assetBackfillStatuses"]
    assert (counts["numPartitionsMaterialized"], counts["numPartitionsFailed"]) == (2, 1)
    lake = Lake(settings.lake)
    assert live_rows(lake, settings.topic, paid) == paid
    for table in ("bronze/events", "silver/events", "gold/product_sales", "gold/customer_days"):
        shown = dagster.ask(PARTITIONS, {"path": table.split("/")})["assetNodeOrError"]["partitionStats"]
        assert shown == {"numMaterialized": DAYS_OF_MONTHS + 1, "numFailed": 0}
    assert lake.table(BRONZE_ARCHIVE_MONTHS).read()["lines"].to_list() == [LINES, LINES]
    assert audit(lake).findings == []


def live_rows(lake: Lake, topic: str, paid: int) -> int:
    """How many payments are in silver; waits until all are, or for four minutes."""
    deadline = time.monotonic() + 240
    while (found := lake.table(SILVER_EVENTS).read(f"source = '{topic}'").height) < paid:
        if time.monotonic() > deadline:
            break
        time.sleep(1)
    time.sleep(3)
    return found
