"""Metrics for Prometheus, read when they are asked for.

Add here: a metric. Not here: how a figure is found out (`board`, `stream_health`).
"""

from collections.abc import Iterator

import polars as pl
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric

from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.stream_health import HealthWatch

WAIT_BUCKETS = (5, 10, 15, 20, 25, 30, 35, 40, 45, 60, 120, 600)


def registry_of(board: Board, watch: HealthWatch) -> CollectorRegistry:
    """All metrics of this dashboard; what is not known yet is left out."""
    registry = CollectorRegistry()
    waits = Histogram(
        "salesinsights_payment_seconds",
        "From a payment's append to Kafka to this dashboard, since it was started",
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
        """One family after the other; Prometheus gives them their form."""
        yield _gauge("lake_readable", "1 if the lake could be read at the last look", int(self._board.error is None))
        if self._board.last_sale is not None:
            moment = self._board.last_sale.timestamp()
            yield _gauge("last_sale_timestamp_seconds", "When the newest sale was read from Kafka", moment)
        found = self._watch.newest
        if found is None:
            return
        yield _gauge("kafka_readable", "1 if Kafka answered and has every offset", int(found.error is None))
        lag = GaugeMetricFamily("salesinsights_kafka_lag_messages", "Waiting in Kafka", labels=["partition"])
        for partition, waiting in found.lag.select("partition", "lag").iter_rows():
            lag.add_metric([str(partition)], waiting)
        yield lag
        if found.batches.height:
            yield from self._last_batch(found.batches.row(0, named=True))
        for measure in ("rows", "files", "bytes"):
            sizes = GaugeMetricFamily(f"salesinsights_table_{measure}", f"{measure} of a table", labels=["table"])
            for name, size in found.sizes.select("table", measure).iter_rows():
                sizes.add_metric([name], size)
            yield sizes

    def _last_batch(self, batch: dict[str, int]) -> Iterator[Metric]:
        yield _gauge("last_batch", "The number of the newest batch", batch["batch"])
        outcomes = GaugeMetricFamily(
            "salesinsights_last_batch_messages", "Messages of the newest batch", labels=["outcome"]
        )
        for outcome in ("accepted", "quarantined", "duplicates"):
            outcomes.add_metric([outcome], batch[outcome])
        yield outcomes


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"salesinsights_{name}", meaning, value=value)
