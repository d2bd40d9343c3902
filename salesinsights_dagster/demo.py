"""The whole system on one machine: broker, simulated shop, Dagster and dashboard, started and stopped together.

Add here: a part that the demo runs. Not here: options and output (`commands.demo`).
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from assets.tables.sql_views import sql_session
from assets.tables.topics import events_topic
from resources.duckdb_engine import query
from resources.kafka_topics import ensure_topic
from resources.lake import Lake
from salesinsights_dagster.broker import LocalBroker, find_kafka
from salesinsights_dagster.dagster_process import DagsterProcess
from salesinsights_dagster.settings import Settings
from salesinsights_dagster.topic import utc_now

Say = Callable[[str], None]

_SALES = """
SELECT count(DISTINCT product_id) AS products, coalesce(sum(units), 0) AS units, coalesce(sum(revenue), 0) AS revenue,
       max(updated_at) AS updated_at
FROM product_sales WHERE updated_at >= TIMESTAMPTZ '{since}'
"""

_EVENTS = """
SELECT coalesce(sum(messages), 0) AS messages, coalesce(sum(accepted), 0) AS accepted,
       coalesce(sum(quarantined), 0) AS quarantined, coalesce(sum(duplicates), 0) AS duplicates,
       count(DISTINCT batch) AS batches
FROM silver_batches WHERE ingested_at >= TIMESTAMPTZ '{since}'
"""


@dataclass(frozen=True)
class Running:
    """What runs: the addresses of Dagster's web UI and of the dashboard, and the simulated shop."""

    url: str
    dashboard: str
    shop: subprocess.Popen[bytes]


@contextmanager
def running_system(settings: Settings, port: int, rate: int, say: Say) -> Iterator[Running]:
    """Start all parts; at the end or after an error, stop them in the reverse order.

    A broker that ran before keeps running, and so does a cluster that the environment names.
    Raises BrokerError, DagsterStartError with the remedy.
    """
    with ExitStack() as parts:
        if settings.kafka is None:
            parts.enter_context(_broker(settings, say))
        connection = find_kafka(settings)
        ensure_topic(connection, events_topic(settings.topic))
        say(f"Kafka: {connection.bootstrap_servers}")
        # The shop sells now, and sends a little late: its days would be lost among years of empty ones.
        opened = (utc_now().date() - timedelta(days=7)).replace(day=1)
        dagster = DagsterProcess.start(settings, port, os.environ, empty_from=opened)
        parts.callback(dagster.stop)
        shop = parts.enter_context(_command(settings, "simulate", "--rate", str(rate)))
        dagster.await_ready()
        say(f"Dagster: {dagster.url}")
        pages = free_port(8080)
        parts.enter_context(_command(settings, "dashboard", "--port", str(pages)))
        say(f"Dashboard: http://127.0.0.1:{pages}")
        yield Running(dagster.url, f"http://127.0.0.1:{pages}", shop)
        say("stopping")


@contextmanager
def _broker(settings: Settings, say: Say) -> Iterator[None]:
    broker = LocalBroker(settings.broker_home)
    ran_before = broker.status().running
    broker.start(progress=say)
    try:
        yield
    finally:
        if not ran_before:
            broker.stop()


@contextmanager
def _command(settings: Settings, name: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of our own commands in the background; its output goes to NAME.log in our home."""
    command = [str(Path(sys.executable).with_name("salesinsights")), name, *options]
    with (settings.home / f"{name}.log").open("ab") as output:
        env = {**os.environ, "SALESINSIGHTS_HOME": str(settings.home)}
        process = subprocess.Popen(command, env=env, stdout=output, stderr=output, start_new_session=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def landed(lake: Lake, since: datetime) -> dict[str, object]:
    """What the lake has received since then: events by outcome, batches, and the sales in gold."""
    with sql_session(lake) as connection:
        events = query(connection, _EVENTS.format(since=since.isoformat())).row(0, named=True)
        return {**events, **query(connection, _SALES.format(since=since.isoformat())).row(0, named=True)}


def free_port(wanted: int) -> int:
    """The wanted port of 127.0.0.1, or a free one if that is taken or 0 is wanted."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port of 127.0.0.1 is free")
