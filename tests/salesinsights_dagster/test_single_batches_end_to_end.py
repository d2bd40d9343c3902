"""Runs of one backlog each, as `SALESINSIGHTS_STREAM_MINUTES=0` asks for: real broker, real daemon."""

import pytest

from resources.kafka_connection import KafkaConnection
from salesinsights_dagster.dagster_process import DagsterProcess
from salesinsights_dagster.settings import Settings
from tests.salesinsights_dagster.stream_runs import await_run, await_units, buy

pytestmark = [pytest.mark.kafka, pytest.mark.daemon, pytest.mark.timeout(900)]

SETTINGS = {"SALESINSIGHTS_STREAM_MINUTES": "0"}


def test_each_payment_has_a_run_that_ends(
    settings: Settings, dagster: DagsterProcess, real_kafka: KafkaConnection
) -> None:
    buy(real_kafka, settings, 1)
    await_units(settings, 1, seconds=240)
    first = await_run(dagster, lambda run, status: status == "SUCCESS")
    buy(real_kafka, settings, 2)
    await_units(settings, 2, seconds=240)

    assert await_run(dagster, lambda run, status: run != first and status == "SUCCESS")
