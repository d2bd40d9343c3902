"""Five months and the stream on two workers, one of which is killed: all parts real, the lake in an object store."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from confluent_kafka import Producer

from assets.tables import BRONZE_ARCHIVE_MONTHS, PRODUCT_SALES, SILVER_EVENTS
from assets.tables.topics import events_topic
from assets.upkeep.audit import audit
from resources.kafka_connection import KafkaConnection
from resources.kafka_topics import ensure_topic
from resources.lake import Lake
from salesinsights_dagster.dagster_process import DagsterProcess
from salesinsights_dagster.demo import free_port
from salesinsights_dagster.settings import load_settings
from salesinsights_dagster.simulator.month_file import write_month
from salesinsights_dagster.simulator.shop import Shop
from tests.conftest import event
from tests.postgres import running_postgres
from tests.workers import MISSING, Worker, running_redis

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.daemon,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
]

LINES, PAYMENTS = 1_000, 20
RESUMED = "Launching a new run worker to resume run"
MONTHS = [(2019, 10), (2019, 11), (2019, 12), (2020, 1), (2020, 2)]

LAUNCH = """
mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
RUNS = """
query ($tags: [ExecutionTag!]!) { runsOrError(filter: {tags: $tags}) { ... on Runs { results { runId status } } } }
"""
EVENTS = """
query ($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events { ... on MessageEvent { message } } } } }
"""
TERMINATE = "mutation ($id: String!) { terminateRun(runId: $id) { __typename } }"
STATUS = "query ($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"
REVENUE = """
SELECT sum(price) FROM (SELECT DISTINCT * FROM read_csv(?, types = {'price': 'DECIMAL(12,2)'}))
WHERE event_type = 'purchase'
"""


@pytest.fixture
def env(bucket: Lake, topic: str, real_kafka: KafkaConnection, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings that all machines share."""
    ensure_topic(real_kafka, events_topic(topic))
    with running_redis(tmp_path) as broker, running_postgres() as database:
        yield {
            **os.environ,
            "SALESINSIGHTS_LAKE": bucket.root,
            "SALESINSIGHTS_CELERY": broker,
            "SALESINSIGHTS_DAGSTER_DB": database,
            "SALESINSIGHTS_BACKFILL_RUNS": "2",
            "SALESINSIGHTS_TOPIC": topic,
            "KAFKA_BOOTSTRAP_SERVERS": real_kafka.bootstrap_servers,
            **{f"SALESINSIGHTS_{name}_TOPIC": "off" for name in ("SALES", "AUDIENCE", "CARTS", "RECOVERED")},
        }


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A folder that all machines have mounted."""
    folder = tmp_path / "archive"
    folder.mkdir()
    for year, month in MONTHS:
        write_month(Shop(seed=month), year, month, LINES, folder)
    return folder


def home(tmp_path: Path, archive: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "archive").symlink_to(archive)
    return folder


def test_five_months_and_the_stream_are_whole_though_a_worker_is_killed(
    env: dict[str, str], bucket: Lake, archive: Path, tmp_path: Path, topic: str
) -> None:
    with ExitStack() as stack:
        workers = [Worker.start(home(tmp_path, archive, name), env, "--places", "4") for name in ("one", "two")]
        for worker in workers:
            stack.callback(worker.kill)
        ours = {**env, "SALESINSIGHTS_HOME": str(home(tmp_path, archive, "dagster"))}
        dagster = DagsterProcess.start(load_settings(ours), free_port(0), ours)
        stack.callback(dagster.stop)
        dagster.await_ready()
        # The stream stays on a worker, and is quiet meanwhile: in an object store a month's load begins again after
        # each micro-batch.
        pay(env, topic)
        await_true(lambda: paid(bucket, topic) == PAYMENTS, dagster)

        backfill = launch(dagster)
        lost = await_true(lambda: next(filter(in_the_middle, workers), None), dagster)
        lost.kill()
        ended = await_true(lambda: end_of(dagster, backfill), dagster)
        pay(env, topic)
        await_true(lambda: paid(bucket, topic) == 2 * PAYMENTS, dagster)
        months = runs_of(dagster, "dagster/backfill", backfill)
        [stream, *_] = runs_of(dagster, "salesinsights/kind", "stream")
        dagster.ask(TERMINATE, {"id": stream["runId"]})
        await_true(lambda: runs_of(dagster, "salesinsights/kind", "stream")[0]["status"] == "CANCELED", dagster)

        assert ended == "COMPLETED_SUCCESS", [messages(dagster, run["runId"]) for run in months]
        assert [run["status"] for run in months] == ["SUCCESS"] * len(MONTHS)
        assert any(RESUMED in messages(dagster, run["runId"]) for run in months)
    assert bucket.table(BRONZE_ARCHIVE_MONTHS).read()["lines"].to_list() == [LINES] * len(MONTHS)
    assert sales_until(bucket, date(2020, 3, 1)) == revenue(archive)
    assert audit(bucket).findings == []


def pay(env: dict[str, str], topic: str) -> None:
    producer = Producer(KafkaConnection(env["KAFKA_BOOTSTRAP_SERVERS"]).options())
    for user in range(PAYMENTS):
        bought = event(user_id=user, event_time=datetime.now(UTC).isoformat())
        producer.produce(topic, bought, b"%d" % user)
    assert producer.flush(20) == 0


def paid(lake: Lake, topic: str) -> int:
    return lake.table(SILVER_EVENTS).read(f"source = '{topic}'", ["offset"]).height


def sales_until(lake: Lake, day: date) -> object:
    return lake.table(PRODUCT_SALES).read(f"event_date < DATE '{day}'", ["revenue"])["revenue"].sum()


def runs_of(dagster: DagsterProcess, tag: str, value: str) -> list[dict[str, str]]:
    """The runs with this tag, newest first."""
    found: list[dict[str, str]] = dagster.ask(RUNS, {"tags": [{"key": tag, "value": value}]})["runsOrError"]["results"]
    return found


def messages(dagster: DagsterProcess, run: str) -> str:
    return "\n".join(told.get("message", "") for told in dagster.ask(EVENTS, {"id": run})["logsForRun"]["events"])


def launch(dagster: DagsterProcess) -> str:
    asset = {"path": BRONZE_ARCHIVE_MONTHS.name.split("/")}
    params = {"assetSelection": [asset], "partitionNames": [f"{year}-{month:02}-01" for year, month in MONTHS]}
    launched = dagster.ask(LAUNCH, {"params": params})["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return str(launched["backfillId"])


def in_the_middle(worker: Worker) -> bool:
    """Whether the worker is loading a month whose lines are in bronze, and not yet in silver and gold."""
    said = worker.log.read_text()
    return " - bronze: " in said and " - silver and gold: " not in said


def end_of(dagster: DagsterProcess, backfill: str) -> str | None:
    status: str = dagster.ask(STATUS, {"id": backfill})["partitionBackfillOrError"]["status"]
    return None if status == "REQUESTED" else status


def await_true(ask: Callable[[], Any], dagster: DagsterProcess, seconds: float = 1_000) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < deadline, dagster.log.read_text()[-3_000:]
        time.sleep(0.2)
    return found


def revenue(archive: Path) -> object:
    sums = [duckdb.connect().execute(REVENUE, [str(path)]).fetchone() for path in archive.iterdir()]
    return sum(found[0] for found in sums if found)
