"""What was sold from one moment to another: its totals, and its course.

The last hour is counted from purchases. Of spans of days, whole days come from customer_days, and the day that is cut
off from its quarters of an hour and the purchases after the last whole one.
Add here: how a time is counted. Not here: which times are shown (`figures`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from assets.progress.batch_snapshot import BatchSnapshot
from assets.tables import CUSTOMER_DAYS, SILVER_PURCHASES
from assets.tables.queries import macros
from resources.duckdb_engine import duckdb_session, query
from salesinsights_dagster.dashboard.dashboard_sql import dashboard_sql
from salesinsights_dagster.dashboard.day_curves import DayCurves, by_bucket, purchases_between, quarter_of
from salesinsights_dagster.dashboard.spans import DAY

_SUMS = ["revenue", "units", "refunds", "orders"]


@dataclass(frozen=True)
class Period:
    """Totals by name, as `totals.sql` says, empty if nothing was sold; and the course: the columns of `DayCurves`."""

    totals: dict[str, object]
    course: pl.DataFrame


def purchases_period(rows: pl.DataFrame, start: datetime, until: datetime, bucket: timedelta) -> Period:
    """Of purchase rows: the totals of those before `until`, and the course of all."""
    counted = rows.filter(pl.col("event_time") < until)
    bought = counted.filter(pl.col("price") >= 0).select("user_id")
    return Period(_totals(by_bucket(counted, start, bucket), bought), by_bucket(rows, start, bucket))


def part_of_day(gold: BatchSnapshot, curves: DayCurves, day: datetime, until: datetime | None) -> Period:
    """One day from midnight until a moment in it, or all of it; the course is that of the whole day."""
    quarters, buyers = _until(gold, curves, day, until), _customer_days(gold, day, day, ["user_id", "first_order_at"])
    return Period(_totals(quarters, _bought(buyers, until)), curves.of(gold, day.date()))


def days_period(
    gold: BatchSnapshot, curves: DayCurves, first: datetime, last: datetime, until: datetime | None
) -> Period:
    """The days from `first` to `last` (midnights), the last one until a moment in it; the course is by day."""
    rows = _customer_days(gold, first, last, ["user_id", "first_order_at", *_SUMS, "event_date"])
    is_whole = pl.col("event_date") < last.date()
    with duckdb_session({"customer_days": rows.filter(is_whole)}, macros=macros()) as connection:
        days = query(connection, dashboard_sql("whole_days"))
    part = _totals(_until(gold, curves, last, until), _bought(rows.filter(~is_whole), until))
    if part:
        row = {"bucket_start": last, **{name: part[name] for name in [*_SUMS, "buyers"]}}
        days = pl.concat([days, pl.DataFrame([row], schema=days.schema)])
    return Period(_totals(days, _bought(rows, until)), days)


def _until(gold: BatchSnapshot, curves: DayCurves, day: datetime, until: datetime | None) -> pl.DataFrame:
    """The day's quarters of an hour, or those before a moment, of which the last one is cut off there."""
    quarters = curves.of(gold, day.date())
    if until is None:
        return quarters
    begun = quarter_of(until)
    done = quarters.filter(pl.col("bucket_start") < begun)
    if begun == until:
        return done
    rest = purchases_between(gold.table(SILVER_PURCHASES), [(begun, until)])
    return pl.concat([done, by_bucket(rest, day, DAY)])


def _customer_days(gold: BatchSnapshot, first: datetime, last: datetime, columns: list[str]) -> pl.DataFrame:
    days = f"event_date >= DATE '{first.date()}' AND event_date <= DATE '{last.date()}'"
    return gold.table(CUSTOMER_DAYS).read(days, columns)


def _bought(customer_days: pl.DataFrame, until: datetime | None) -> pl.DataFrame:
    """A row `user_id` for each user and day with an order, if it came before a moment."""
    ordered = customer_days.drop_nulls("first_order_at")
    return (ordered if until is None else ordered.filter(pl.col("first_order_at") < until)).select("user_id")


def _totals(buckets: pl.DataFrame, bought: pl.DataFrame) -> dict[str, object]:
    with duckdb_session({"buckets": buckets, "bought": bought}, macros=macros()) as connection:
        found = query(connection, dashboard_sql("totals"))
    return found.row(0, named=True) if found.height else {}
