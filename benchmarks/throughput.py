"""How fast a backlog is read: events in Kafka, one `ingest`, compared with a minimal pipeline of the same libraries.

The events are published once one by one, and once in transactions, as files are. Add here: figures about a backlog.
Not here: a live stream (`latency`), or the minimal pipeline (`least_pipeline`).
"""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event

from confluent_kafka import Producer

from benchmarks.system import COMMAND, System, fresh_system, run_measured
from resources.kafka_reader import KafkaReader
from salesinsights_dagster.simulator.live import encode
from salesinsights_dagster.simulator.publisher import Publisher, open_producer
from salesinsights_dagster.simulator.shop import Shop

IN_TRANSACTION = 100_000


def run(events: int) -> list[dict[str, object]]:
    """A line for a backlog of about `events` events, and one for as many in transactions."""
    return [_line(events, is_transactional=is_transactional) for is_transactional in (False, True)]


def _line(events: int, *, is_transactional: bool) -> dict[str, object]:
    with fresh_system() as system:
        (_publish_in_transactions if is_transactional else _publish)(system, events)
        least = run_measured([sys.executable, "-m", "benchmarks.least_pipeline"], system.env)
        used = run_measured([COMMAND, "ingest", "--json"], system.env)
        again = run_measured([sys.executable, "-m", "benchmarks.least_pipeline"], system.env)
        audit = run_measured([COMMAND, "audit", "--json"], system.env).json()
    receipt, least_cpu = used.json(), min(least.cpu, again.cpu)
    if receipt["messages"] != least.json()["messages"] or not audit["passed"]:
        raise RuntimeError(f"ingest read {receipt['messages']}, minimal pipeline {least.json()}; {audit['findings']}")
    return {
        "published": f"in transactions of {IN_TRANSACTION:,}" if is_transactional else "one by one",
        "events": receipt["messages"],
        "events/s": round(receipt["messages"] / used.wall),
        "wall s": round(used.wall, 1),
        "CPU s": round(used.cpu, 1),
        "minimal pipeline, CPU s": round(least_cpu, 1),
        "CPU / minimal": round(used.cpu / least_cpu, 2),
        "minimal pipeline, events/s": round(receipt["messages"] / min(least.wall, again.wall)),
        "peak MB": round(used.peak_mb),
        **{name: figure for name, figure in receipt.items() if name.startswith("seconds/")},
        "audit": "passed",
    }


def _slices(events: int) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Keys and values of the events of the last half hour."""
    shop, seconds, sent = Shop(seed=1), 10.0, 0
    rate, start = events / 1_800, datetime.now(UTC) - timedelta(seconds=1_900)
    while sent < events:
        keys, values = encode(shop.live(start, seconds, rate))
        yield keys, values
        sent, start = sent + len(values), start + timedelta(seconds=seconds)


def _publish(system: System, events: int) -> None:
    publish = Publisher(open_producer(system.connection), system.settings.topic, Event())
    for keys, values in _slices(events):
        publish(keys, values)
    publish.close()


def _publish_in_transactions(system: System, events: int) -> None:
    producer, open_events = Producer(system.connection.options(transactional_id="bench", linger_ms=20)), 0
    producer.init_transactions(30)
    publish = Publisher(producer, system.settings.topic, Event())
    for keys, values in _slices(events):
        if not open_events:
            producer.begin_transaction()
        publish(keys, values)
        open_events += len(values)
        if open_events >= IN_TRANSACTION:
            producer.commit_transaction(60)
            open_events = 0
    if open_events:
        producer.commit_transaction(60)
    publish.close()
    reader = KafkaReader(system.connection, system.settings.topic)
    # Kafka confirms a commit before it writes the markers.
    while reader.undecided():
        time.sleep(0.1)
