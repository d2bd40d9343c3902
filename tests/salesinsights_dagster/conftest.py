"""A system of a test module's own: a home, the real broker, Dagster's real daemon and web server.

Add here: what several end-to-end tests start or ask. Not here: a test.
"""

import os
from collections.abc import Iterator

import psutil  # type: ignore[import-untyped]
import pytest

from assets.tables.topics import events_topic
from resources.kafka_connection import KafkaConnection
from resources.kafka_topics import ensure_topic
from salesinsights_dagster.dagster_process import DagsterProcess
from salesinsights_dagster.demo import free_port
from salesinsights_dagster.settings import Settings, load_settings


def of_module(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings that a test module wants otherwise: its `SETTINGS`."""
    return getattr(request.module, "SETTINGS", {})


@pytest.fixture(scope="module")
def settings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, real_kafka: KafkaConnection
) -> Settings:
    home = tmp_path_factory.mktemp("home")
    topic = f"shop.{request.module.__name__}"
    # Its own copy too: on one broker, the first home to publish has the topic for some minutes.
    env = {
        "SALESINSIGHTS_HOME": str(home),
        "SALESINSIGHTS_TOPIC": topic,
        "SALESINSIGHTS_SALES_TOPIC": f"{topic}.sales",
        "SALESINSIGHTS_AUDIENCE_TOPIC": f"{topic}.audiences",
        "SALESINSIGHTS_CARTS_TOPIC": f"{topic}.left-carts",
        "SALESINSIGHTS_RECOVERED_TOPIC": f"{topic}.recovered-carts",
    }
    return load_settings({**env, **of_module(request), "KAFKA_BOOTSTRAP_SERVERS": real_kafka.bootstrap_servers})


@pytest.fixture(scope="module")
def dagster(
    request: pytest.FixtureRequest, settings: Settings, real_kafka: KafkaConnection
) -> Iterator[DagsterProcess]:
    ensure_topic(real_kafka, events_topic(settings.topic))
    env = {
        **os.environ,
        **of_module(request),
        "SALESINSIGHTS_TOPIC": settings.topic,
        "SALESINSIGHTS_SALES_TOPIC": settings.sales_topic or "off",
        "SALESINSIGHTS_AUDIENCE_TOPIC": settings.audience_topic or "off",
        "SALESINSIGHTS_CARTS_TOPIC": settings.carts_topic or "off",
        "SALESINSIGHTS_RECOVERED_TOPIC": settings.recovered_topic or "off",
        "KAFKA_BOOTSTRAP_SERVERS": real_kafka.bootstrap_servers,
    }
    running = DagsterProcess.start(settings, free_port(0), env)
    running.await_ready()
    yield running
    group = running.process.pid
    running.stop(wait_seconds=10)
    assert [p.pid for p in psutil.process_iter() if _group_of(p.pid) == group] == []


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None
