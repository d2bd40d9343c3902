"""What is sold in a span of time: totals, top products, revenue over time. All read from gold.

Only the orders of the last hour come from silver's purchases, since gold counts orders by whole days.
Add here: a figure about a span of sales. Not here: when it is computed (`board`), how it looks (`pages`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from assets.progress.batch_snapshot import BatchSnapshot
from assets.tables import CUSTOMER_DAYS, PRODUCT_SALES, PRODUCT_SALES_DAILY, SILVER_PURCHASES
from assets.tables.queries import macros
from resources.duckdb_engine import duckdb_session, query
from salesinsights_dagster.dashboard.spans import Span

TOP = 20

_SOLD_ON = pl.col("event_date").cast(pl.Datetime("us", "UTC")).alias("sold_at")
_SOLD = ["product_id", "brand", "revenue", "units", "refunds"]


@dataclass(frozen=True)
class Figures:
    """A span's figures: `totals` and `before` by name (empty if nothing was sold), the frames as their SQL says."""

    span: Span
    start: datetime
    end: datetime
    totals: dict[str, object]
    before: dict[str, object]
    top: pl.DataFrame
    over_time: pl.DataFrame


def sales_figures(gold: BatchSnapshot, span: Span, now: datetime, window_seconds: int, top: int = TOP) -> Figures:
    """The figures of a span that ends now."""
    before, start, end = span.bounds(now, window_seconds)
    sales = _sales(gold, span, before, end)
    by_time = _windows(gold, start, end) if span.days == 1 else sales
    frames = {"sales": sales, "by_time": by_time, "orders": _orders(gold, span, before, end)}
    numbers = {
        "start": int(start.timestamp() * 1_000_000),
        "bucket": int(span.bucket.total_seconds()) if span.bucket else window_seconds,
        "top": top,
    }
    with duckdb_session(frames, numbers, macros=macros()) as connection:
        ask: Callable[[str], pl.DataFrame] = lambda name: query(connection, dashboard_sql(name))  # noqa: E731
        totals = {row.pop("is_before"): row for row in ask("totals").iter_rows(named=True)}
        return Figures(
            span, start, end, totals.get(False, {}), totals.get(True, {}), ask("top_products"), ask("over_time")
        )


def dashboard_sql(name: str) -> str:
    """A query of the dashboard, from the file of that name."""
    return Path(__file__).with_name(f"{name}.sql").read_text()


def _sales(gold: BatchSnapshot, span: Span, first: datetime, end: datetime) -> pl.DataFrame:
    if span.days:
        days = f"event_date >= DATE '{first.date()}' AND event_date <= DATE '{end.date()}'"
        return gold.table(PRODUCT_SALES_DAILY).read(days, [*_SOLD, "event_date"]).with_columns(_SOLD_ON)
    return _windows(gold, first, end)


def _windows(gold: BatchSnapshot, first: datetime, end: datetime) -> pl.DataFrame:
    """Sales by window: at most those of one day are read, a row per product and window."""
    since = f"event_date >= DATE '{first.date()}' AND window_start >= TIMESTAMP '{first:%Y-%m-%dT%H:%M:%SZ}'"
    until = f"event_date <= DATE '{end.date()}' AND window_start <= TIMESTAMP '{end:%Y-%m-%dT%H:%M:%SZ}'"
    windows = gold.table(PRODUCT_SALES).read(f"{since} AND {until}", [*_SOLD, "window_start"])
    return windows.rename({"window_start": "sold_at"})


def _orders(gold: BatchSnapshot, span: Span, first: datetime, end: datetime) -> pl.DataFrame:
    if span.days:
        days = f"event_date >= DATE '{first.date()}' AND event_date <= DATE '{end.date()}'"
        return gold.table(CUSTOMER_DAYS).read(days, ["user_id", "orders", "event_date"]).with_columns(_SOLD_ON)
    recent = gold.table(SILVER_PURCHASES).read(
        f"event_date >= DATE '{first.date()}' AND event_date <= DATE '{end.date()}' "
        f"AND event_time >= TIMESTAMP '{first:%Y-%m-%d %H:%M:%S}'",
        ["event_time", "user_id", "user_session", "price"],
    )
    recent = recent.filter(pl.col("event_time") >= first, pl.col("event_time") <= end)
    with duckdb_session({"purchases": recent}, macros=macros()) as connection:
        return query(connection, dashboard_sql("last_hour_orders"))
