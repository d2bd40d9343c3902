"""The checks of the newest batches, each a function from the lake to a verdict.

Add here: a promise that a batch can be held to. Not here: the proof over the whole history (`audit`).
"""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from assets.events.contract import EVENT
from assets.progress.batches import batch_of
from assets.runs.verdict import Verdict
from assets.silver.spans import within
from assets.tables import PRODUCT_SALES, SILVER_BATCHES, SILVER_EVENTS, SILVER_PURCHASES
from resources.lake import Tables

LATENCY_LIMIT = 45.0
"""Seconds from Kafka append to gold."""

LAG_LIMIT = 60.0
"""Seconds between the newest event in silver and the time of the batch, while events arrive."""

HISTORY = 86_400.0
"""Seconds. A clock that is wrong by a time zone is less than that behind."""


def offsets_contiguous(tables: Tables, last_batches: int) -> Verdict:
    """In every partition, each of the newest batches starts where the one before it ended."""
    rows = _ledger(tables, last_batches + 1).sort("source", "partition", "batch")
    before = pl.col("end_offset").shift(1).over("source", "partition")
    torn = rows.with_columns(expected=before).filter(pl.col("expected") != pl.col("start_offset"))
    return Verdict(torn.is_empty(), {"torn": str(torn.select("batch", "partition", "expected", "start_offset").rows())})


def messages_accounted_for(tables: Tables, last_batches: int) -> Verdict:
    """In each of the newest batches, messages read = accepted + quarantined + duplicates."""
    rows = _ledger(tables, last_batches)
    parts = pl.col("accepted") + pl.col("quarantined") + pl.col("duplicates")
    wrong = rows.filter((parts != pl.col("messages")) | (pl.col("markers") < 0))
    totals = rows.select(pl.sum("messages", "accepted", "quarantined", "duplicates", "markers")).row(0, named=True)
    return Verdict(wrong.is_empty(), {**totals, "wrong": str(wrong.select("batch", "partition").rows())})


def _ledger(tables: Tables, last_batches: int) -> pl.DataFrame:
    newest = batch_of(tables.table(SILVER_EVENTS))
    return tables.table(SILVER_BATCHES).read(f"batch > {newest - last_batches} AND batch <= {newest}")


def no_duplicate_events(tables: Tables, where: str) -> Verdict:
    """No two rows of silver are the same event, among the rows for which `where` holds."""
    rows = tables.table(SILVER_EVENTS).read(where, ["event_date", "event_id", *EVENT])
    named = rows.filter(pl.col("event_id").is_not_null())
    unnamed = rows.filter(pl.col("event_id").is_null())
    copies = named.height - named.select("event_date", "event_id").n_unique() if named.height else 0
    copies += unnamed.height - unnamed.n_unique() if unnamed.height else 0
    return Verdict(copies == 0, {"rows": rows.height, "duplicates": copies})


def revenue_matches_silver(tables: Tables, windows: pl.DataFrame) -> Verdict:
    """Gold's revenue of these windows is, to the cent, the sum of silver's purchase prices.

    After a run they are those that its newest batches reach; a whole day is proved every night.
    """
    days, sales = windows["event_date"].n_unique(), tables.table(PRODUCT_SALES)
    gold = sales.read(within(windows, "window_start"), ["event_date", "revenue"])
    # Gold may have been loaded some batches before silver.
    bought = f"({within(windows, 'event_time')}) AND batch <= {batch_of(sales)}"
    silver = tables.table(SILVER_PURCHASES).read(bought, ["event_date", "price"])
    sums = (
        silver.group_by("event_date")
        .agg(silver=pl.col("price").sum())
        .join(gold.group_by("event_date").agg(gold=pl.col("revenue").sum()), on="event_date", how="full", coalesce=True)
    )
    wrong = sums.filter(pl.col("silver").ne_missing(pl.col("gold"))).sort("event_date")
    return Verdict(wrong.is_empty(), {"days": days, "wrong": str([str(day) for day in wrong["event_date"]])})


def event_time_lag(newest_event: datetime | None, now: datetime) -> Verdict:
    """The newest event is at most LAG_LIMIT seconds old: the shop's clock, its producer and the stream keep up.

    Where even the newest is more than a day old, somebody has published history, which says nothing about them.
    """
    if newest_event is None:
        return Verdict(True, {"seconds": None})
    seconds = (now - newest_event).total_seconds()
    figures = {"seconds": round(seconds, 3), "limit": LAG_LIMIT}
    return Verdict(seconds <= LAG_LIMIT or seconds > HISTORY, figures, is_warning=True)


def consumer_lag(behind: Mapping[int, int], read: int) -> Verdict:
    """The stream keeps up: Kafka holds no more unread offsets than these batches have read."""
    total = sum(behind.values())
    figures = {"offsets_behind": total, **{f"partition {p}": count for p, count in sorted(behind.items())}}
    return Verdict(total <= max(read, 1_000), figures, is_warning=True)


def payment_to_gold(latency: pl.Series) -> Verdict:
    """Every purchase of these batches was in gold within LATENCY_LIMIT seconds of its Kafka append."""
    slowest = latency.max() if latency.len() else None
    within = not isinstance(slowest, float) or slowest <= LATENCY_LIMIT
    return Verdict(within, {**percentiles(latency), "limit": LATENCY_LIMIT}, is_warning=True)


def percentiles(latency: pl.Series) -> dict[str, float | int]:
    """p50, p95, p99 and max in seconds, and the number of purchases; only the number if there are none."""
    if latency.is_empty():
        return {"purchases": 0}
    points = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1}
    seconds = {name: round(latency.quantile(point) or 0.0, 3) for name, point in points.items()}
    return {**seconds, "purchases": latency.len()}
