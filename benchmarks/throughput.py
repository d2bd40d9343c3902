"""How fast a backlog is drained: events waiting in Kafka, one `ingest`, beside the parse rate of the same bytes.

Add here: figures about a backlog. Not here: a live stream (`latency`).
"""

import io
import time
from datetime import UTC, datetime, timedelta
from threading import Event

import polars as pl

from assets.event_contract import UTC_MICROSECONDS
from assets.event_parser import parse_events
from benchmarks.system import COMMAND, System, fresh_system, run_measured
from salesinsights_dagster.simulator.live import encode
from salesinsights_dagster.simulator.publisher import Publisher, open_producer
from salesinsights_dagster.simulator.shop import Shop

SAMPLE = 200_000


def run(events: int) -> dict[str, object]:
    """The figures of one backlog of about so many events."""
    with fresh_system() as system:
        values = _publish(system, events)
        parse, strict = _parse_rates(values)
        del values
        used = run_measured([COMMAND, "ingest", "--json"], system.env)
        receipt = used.json()
        audit = run_measured([COMMAND, "audit", "--json"], system.env).json()
    rate = receipt["messages"] / used.wall
    return {
        "events": receipt["messages"],
        "events/s": round(rate),
        "wall seconds": round(used.wall, 1),
        "CPU seconds": round(used.cpu, 1),
        "peak memory MB": round(used.peak_mb),
        "raw parse (Polars read_ndjson), events/s": round(parse),
        "strict parse (parse_events), events/s": round(strict),
        "ingest / raw parse": round(rate / parse, 3),
        **{name: figure for name, figure in receipt.items() if name.startswith("seconds/")},
        "audit": "passed" if audit["passed"] else audit["findings"],
    }


def _publish(system: System, events: int) -> list[bytes]:
    """Put the events of the last half hour into Kafka; a sample of their values."""
    shop, seconds = Shop(seed=1), 10.0
    publish = Publisher(open_producer(system.connection), system.settings.topic, Event())
    rate, sent, sample = events / 1_800, 0, list[bytes]()
    start = datetime.now(UTC) - timedelta(seconds=1_900)
    while sent < events:
        keys, values = encode(shop.live(start, seconds, rate))
        publish(keys, values)
        sent, start = sent + len(values), start + timedelta(seconds=seconds)
        sample += values[: max(SAMPLE - len(sample), 0)]
    publish.close()
    return sample


def _parse_rates(values: list[bytes]) -> tuple[float, float]:
    """Events per second of Polars' own reader, and of the strict parser, over the same bytes."""
    joined = b"\n".join(values)
    begun = time.perf_counter()
    rows = pl.read_ndjson(io.BytesIO(joined), schema_overrides={"category_code": pl.String, "brand": pl.String}).height
    raw = rows / (time.perf_counter() - begun)
    stamps = pl.Series([datetime.now(UTC)] * len(values)).cast(UTC_MICROSECONDS)
    messages = pl.DataFrame({"value": pl.Series(values, dtype=pl.Binary), "kafka_timestamp": stamps})
    begun = time.perf_counter()
    parse_events(messages)
    return raw, len(values) / (time.perf_counter() - begun)
