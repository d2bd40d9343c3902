"""How fast a backlog is read: events in Kafka, one `ingest`, compared with a minimal pipeline of the same libraries.

The events are published once one by one, and once in transactions, as files are. Add here: figures about a backlog.
Not here: a live stream (`latency`), or the minimal pipeline (`least_pipeline`).
"""

import shutil
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from threading import Event

from confluent_kafka import Producer

from benchmarks.system import COMMAND, System, Usage, fresh_system, run_measured
from resources.kafka_reader import KafkaReader
from salesinsights_dagster.simulator.live import encode
from salesinsights_dagster.simulator.publisher import Publisher, open_producer
from salesinsights_dagster.simulator.shop import Shop

IN_TRANSACTION = 100_000
TURNS = 3
"""A single turn is noisy: a line has their medians, the median of their ratios, and the largest MB."""


def run(events: int) -> list[dict[str, object]]:
    """A line for a backlog of about `events` events, and one for as many in transactions."""
    return [_line(events, is_transactional=is_transactional) for is_transactional in (False, True)]


def _line(events: int, *, is_transactional: bool) -> dict[str, object]:
    with fresh_system() as system:
        (_publish_in_transactions if is_transactional else _publish)(system, events)
        turns = [_turn(system) for _ in range(TURNS)]
    least, used = ([turn[side] for turn in turns] for side in (0, 1))
    receipt = used[-1].json()
    messages = receipt["messages"]
    wall = median(usage.wall for usage in used)
    return {
        "published": f"in transactions of {IN_TRANSACTION:,}" if is_transactional else "one by one",
        "events": messages,
        "events/s": round(messages / wall),
        "wall s": round(wall, 1),
        "CPU s": round(median(usage.cpu for usage in used), 1),
        "minimal pipeline, CPU s": round(median(usage.cpu for usage in least), 1),
        "CPU / minimal": round(median(usage.cpu / other.cpu for other, usage in turns), 2),
        "minimal pipeline, events/s": round(messages / median(usage.wall for usage in least)),
        "peak MB": round(max(usage.peak_mb for usage in used)),
        **{name: figure for name, figure in receipt.items() if name.startswith("seconds/")},
        "audit": "passed",
    }


def _turn(system: System) -> tuple[Usage, Usage]:
    """What the minimal pipeline used, and then the product on an empty lake."""
    shutil.rmtree(system.settings.lake, ignore_errors=True)
    least = run_measured([sys.executable, "-m", "benchmarks.least_pipeline"], system.env)
    used = run_measured([COMMAND, "ingest", "--json"], system.env)
    audit = run_measured([COMMAND, "audit", "--json"], system.env).json()
    messages = used.json()["messages"]
    if messages != least.json()["messages"] or not audit["passed"]:
        raise RuntimeError(f"ingest read {messages}, minimal pipeline {least.json()}; {audit['findings']}")
    return least, used


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
