"""The batches of one run, added up for the people who look at it.

Add here: a figure about a run. Not here: how Dagster shows it (`stream_assets`).
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from assets.runs.verdict import Figure
from assets.silver.spans import SPANS, spans_of
from assets.stream.checks import percentiles
from assets.stream.micro_batch import Receipt

CHECKED_BATCHES = 3
"""How many of the newest batches the checks look at, so that a long backlog is not read again."""


@dataclass
class RunSummary:
    """Sums over the receipts of a run. It keeps no rows, so that it stays small in a long backlog."""

    batches: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    start: dict[int, int] = field(default_factory=dict)
    end: dict[int, int] = field(default_factory=dict)
    days: set[date] = field(default_factory=set)
    recent: deque[pl.DataFrame] = field(default_factory=lambda: deque(maxlen=CHECKED_BATCHES))
    newest_event: datetime | None = None
    latency: pl.Series = field(default_factory=lambda: pl.Series("latency", dtype=pl.Float64))

    def note(self, receipt: Receipt | None) -> None:
        """Count a micro-batch, if there was one."""
        if receipt is not None:
            self.add(receipt)

    def add(self, receipt: Receipt) -> None:
        """Count one micro-batch."""
        outcome, batch = receipt.outcome, receipt.batch
        self.batches += 1
        self.seconds.update(receipt.seconds)
        self.start = {**batch.start, **self.start}
        self.end |= batch.end
        self.latency.append(receipt.latency)
        self.outcomes.update(outcome.counts)
        self.days.update(batch.events["event_date"].unique())
        self.recent.append(spans_of(outcome.accepted))
        newest = outcome.accepted["event_time"].max()
        if isinstance(newest, datetime):
            self.newest_event = max(newest, self.newest_event or newest)

    @property
    def spans(self) -> pl.DataFrame:
        """The time spans of the newest CHECKED_BATCHES, as rows of SPANS."""
        return pl.concat([SPANS.to_frame(), *self.recent])

    def figures(self) -> dict[str, Figure]:
        """The run's figures, flat: messages by outcome, offsets, seconds per stage, latency percentiles."""
        ranges = {p: f"[{self.start[p]}, {end})" for p, end in sorted(self.end.items())}
        return {
            "batches": self.batches,
            **self.outcomes,
            **{f"offsets/{partition}": span for partition, span in ranges.items()},
            **{f"seconds/{stage}": round(seconds, 3) for stage, seconds in self.seconds.items()},
            **{f"payment_to_gold/{name}": figure for name, figure in percentiles(self.latency).items()},
        }
