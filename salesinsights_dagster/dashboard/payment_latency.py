"""How long a viewer waits for a payment: from its append to Kafka until this dashboard has it.

Add here: how the wait is measured. Not here: how it is drawn (`pages.live`), or the run's own figure (Dagster).
"""

from collections import deque
from datetime import datetime, timedelta

import polars as pl

from assets.progress.batch_snapshot import BatchSnapshot
from assets.stream.checks import percentiles
from assets.tables import SILVER_PURCHASES

KEPT = timedelta(hours=1)


class PaymentLatency:
    """The waits, in seconds, of the payments of the last hour, since the dashboard started."""

    def __init__(self) -> None:
        self._batch: int | None = None
        self._seen: deque[tuple[datetime, pl.Series]] = deque()
        self.newest_payment: datetime | None = None

    def follow(self, gold: BatchSnapshot, now: datetime) -> pl.Series:
        """Take in the batches since the last call; return the waits of their payments.

        The first call only notes the newest batch: nobody saw when those payments came.
        """
        last, self._batch = self._batch, gold.batch
        waits = pl.Series("seconds", [], dtype=pl.Float64)
        if last is not None and gold.batch > last:
            waits = self._waits(gold, last, now)
            if len(waits):
                self._seen.append((now, waits))
        while self._seen and self._seen[0][0] < now - KEPT:
            self._seen.popleft()
        return waits

    def figures(self) -> dict[str, float | int]:
        """p50, p95, p99, max, and the number of payments."""
        return percentiles(pl.concat([waits for _, waits in self._seen]) if self._seen else pl.Series(dtype=pl.Float64))

    def points(self) -> list[tuple[datetime, float, float]]:
        """For each look that brought payments: when, the median wait, the longest wait."""
        return [(at, waits.quantile(0.5, "linear") or 0.0, waits.quantile(1) or 0.0) for at, waits in self._seen]

    def _waits(self, gold: BatchSnapshot, last: int, now: datetime) -> pl.Series:
        came = f"batch > {last} AND batch <= {gold.batch}"
        appended = gold.table(SILVER_PURCHASES).read(came, ["kafka_timestamp"]).to_series().drop_nulls()
        newest = appended.max()
        if isinstance(newest, datetime):
            self.newest_payment = max(newest, self.newest_payment or newest)
        waits = (pl.lit(now) - pl.col("kafka_timestamp")).dt.total_milliseconds() / 1_000
        return appended.to_frame().select(waits.alias("seconds")).to_series()
