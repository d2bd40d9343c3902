"""A system of its own for a benchmark: a home in a temporary folder, a broker, and commands run against them.

Add here: what several benchmarks start or measure. Not here: a benchmark.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from assets.bronze.bronze import next_offsets
from assets.tables import BRONZE_EVENTS
from assets.tables.topics import events_topic
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader
from resources.kafka_topics import ensure_topic
from resources.lake import Lake
from salesinsights_dagster.broker import LocalBroker, find_kafka
from salesinsights_dagster.settings import Settings, load_settings

COMMAND = str(Path(sys.executable).with_name("salesinsights"))


@dataclass(frozen=True)
class System:
    """A home with a running broker and the topic in it."""

    settings: Settings
    connection: KafkaConnection
    env: Mapping[str, str]
    broker_pid: int


@dataclass(frozen=True)
class Usage:
    """What a finished command used: wall and CPU seconds, peak memory in MB, and what it printed."""

    wall: float
    cpu: float
    peak_mb: float
    output: str

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.output)
        return found


def bare_environment() -> dict[str, str]:
    """The environment without any of our settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "SALESINSIGHTS_"))}


@contextmanager
def fresh_system(**settings_of: str) -> Iterator[System]:
    """A broker and an empty lake, removed afterwards; it uses the broker jars of the checkout's own home.

    Keywords are settings, such as `SALESINSIGHTS_STREAM_MINUTES="0"`.
    """
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-") as folder:
        libs = load_settings({}).broker_home / "libs"
        env = {**bare_environment(), "SALESINSIGHTS_HOME": folder, **settings_of}
        settings = load_settings(env)
        broker = LocalBroker(settings.broker_home, libs)
        pid = broker.start(wait_seconds=300).pid
        assert pid is not None
        try:
            connection = find_kafka(settings)
            ensure_topic(connection, events_topic(settings.topic))
            yield System(settings, connection, env, pid)
        finally:
            broker.stop()


def run_measured(arguments: Sequence[str], env: Mapping[str, str]) -> Usage:
    """Run a command to its end. Raises CalledProcessError if it fails."""
    begun = time.perf_counter()
    process = subprocess.Popen(arguments, env=env, stdout=subprocess.PIPE)
    output = process.stdout.read() if process.stdout else b""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(arguments), output)
    return Usage(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output.decode())


def generate_months(system: System, months: Sequence[date], events: int) -> None:
    """Write month files to the archive folder, with `events` events in all."""
    for month in months:
        some = str(events // len(months))
        wanted = ["--month", f"{month:%Y-%m}", "--events", some, "--out", str(system.settings.archive_folder)]
        subprocess.run([COMMAND, "simulate", *wanted, "--seed", str(month.month)], env=system.env, check=True)


@contextmanager
def selling(system: System, rate: int) -> Iterator[None]:
    """A shop that sends `rate` events a second."""
    shop = subprocess.Popen([COMMAND, "simulate", "--rate", str(rate)], env=system.env, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        shop.terminate()
        shop.wait(30)


def prove_live(system: System) -> None:
    """Raises RuntimeError if the audit finds something, or Kafka holds messages that no batch has read."""
    audit = run_measured([COMMAND, "audit", "--json"], system.env).json()
    left = unread(system)
    if left or not audit["passed"]:
        raise RuntimeError(f"{left} messages were not read; the audit found {audit['findings'] or 'nothing'}")


def unread(system: System) -> int:
    """How many offsets of the topic no batch has read."""
    reader = KafkaReader(system.connection, system.settings.topic)
    state = reader.state()
    read = next_offsets(Lake(system.settings.lake).table(BRONZE_EVENTS), reader.topic, state)
    return sum(state.end[partition] - at for partition, at in read.items())
