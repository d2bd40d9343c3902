"""Metrics for Prometheus, read when it asks for them.

Add here: a metric. Not here: how a figure is found (`board`, `stream_health`).
"""

from collections.abc import Iterator

import polars as pl
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric

from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.stream_health import HealthWatch, StreamHealth

WAIT_BUCKETS = (5, 10, 15, 20, 25, 30, 35, 40, 45, 60, 120, 600)


def registry_of(board: Board, watch: HealthWatch) -> CollectorRegistry:
    """All metrics of this dashboard; unknown values are left out."""
    registry = CollectorRegistry()
    waits = Histogram(
        "salesinsights_payment_seconds",
        "Seconds from a payment's append to Kafka to this dashboard, since the dashboard started",
        buckets=WAIT_BUCKETS,
        registry=registry,
    )

    def observe(seconds: pl.Series) -> None:
        for wait in seconds:
            waits.observe(wait)

    board.on_payments(observe)
    registry.register(_Newest(board, watch))
    return registry


class _Newest:
    """Gauges of what was seen last."""

    def __init__(self, board: Board, watch: HealthWatch) -> None:
        self._board, self._watch = board, watch

    def collect(self) -> Iterator[Metric]:
        """One family after another; Prometheus formats them."""
        yield _gauge("lake_readable", "1 if the lake could be read at the last look", int(self._board.error is None))
        if self._board.last_payment is not None:
            moment = self._board.last_payment.timestamp()
            yield _gauge("last_sale_timestamp_seconds", "When Kafka got the newest payment", moment)
        found = self._watch.newest
        if found is not None:
            yield from _of_kafka(found)
            yield from _of_stream(found)


def _of_kafka(found: StreamHealth) -> Iterator[Metric]:
    if found.kafka_answers is None:
        return
    yield _gauge("kafka_readable", "1 if Kafka answered and has the topic", int(found.kafka_answers))
    if found.kafka_answers:
        yield _gauge("offsets_lost", "1 if Kafka deleted messages before they were read", int(found.loss is not None))


def _of_stream(found: StreamHealth) -> Iterator[Metric]:
    yield _labelled("kafka_lag_messages", "Messages in Kafka not read yet", found.lag.select("partition", "lag"))
    if found.batches.height:
        newest = found.batches.head(1)
        yield _gauge("last_batch", "The number of the newest batch", newest["batch"][0])
        outcomes = newest.unpivot(["accepted", "quarantined", "duplicates"], variable_name="outcome")
        yield _labelled("last_batch_messages", "Messages of the newest batch", outcomes)
    yield _labelled("last_run_seconds", "Seconds of the last run", found.stages)
    passed = found.checks.select("check", "table", (pl.col("state") == "passed").cast(pl.Int8))
    yield _labelled("check_passed", "1 if the check passed the last time it ran", passed)
    for measure in ("rows", "files", "bytes"):
        yield _labelled(f"table_{measure}", f"{measure} of a table", found.sizes.select("table", measure))


def _labelled(name: str, meaning: str, rows: pl.DataFrame) -> GaugeMetricFamily:
    """A gauge for each row: its last column is the value, the others are labels."""
    family = GaugeMetricFamily(f"salesinsights_{name}", meaning, labels=rows.columns[:-1])
    for *labels, value in rows.iter_rows():
        family.add_metric([str(label) for label in labels], value)
    return family


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"salesinsights_{name}", meaning, value=value)
