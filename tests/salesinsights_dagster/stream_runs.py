"""The stream's runs and gold in a running system: asked for, and waited for.

Add here: how tests ask the system. Not here: a test.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from confluent_kafka import Producer

from assets.tables import PRODUCT_SALES
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake
from salesinsights_dagster.dagster_process import DagsterProcess
from salesinsights_dagster.settings import Settings
from tests.conftest import event


def await_units(settings: Settings, units: int, seconds: float) -> None:
    lake, deadline = Lake(settings.lake), time.monotonic() + seconds
    while lake.table(PRODUCT_SALES).read()["units"].sum() < units:
        assert time.monotonic() < deadline, (settings.dagster_home / "dagster.log").read_text()[-3_000:]
        time.sleep(0.5)


RUNS = """
{ runsOrError(filter: {pipelineName: "stream"}, limit: 9) { ... on Runs { results { runId status } } } }
"""


def newest_run(dagster: DagsterProcess) -> tuple[str, str]:
    """The id and the status of the newest run of the stream."""
    run = dagster.ask(RUNS)["runsOrError"]["results"][0]
    return run["runId"], run["status"]


def await_run(dagster: DagsterProcess, is_wanted: Callable[[str, str], bool], seconds: float = 240) -> str:
    """The id of the newest run, once its id and status are what is wanted."""
    deadline = time.monotonic() + seconds
    while not is_wanted(*newest_run(dagster)):
        assert time.monotonic() < deadline, dagster.ask(RUNS)
        time.sleep(0.5)
    return newest_run(dagster)[0]


def buy(kafka: KafkaConnection, settings: Settings, user: int) -> None:
    producer = Producer(kafka.options())
    producer.produce(settings.topic, event(user_id=user, event_time=datetime.now(UTC).isoformat()), b"%d" % user)
    assert producer.flush(20) == 0
