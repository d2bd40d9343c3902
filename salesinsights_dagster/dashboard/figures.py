"""What is sold in a span of time, beside an earlier time: totals, top products, revenue over time and a forecast.

The other time ends at the same minute. What of it does not change is kept.
Add here: a figure about a span of sales. Not here: when it is computed (`board`), how it looks (`pages`).
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import polars as pl

from assets.progress.batch_snapshot import BatchSnapshot
from assets.tables import PRODUCT_SALES_DAILY, SILVER_PURCHASES
from resources.duckdb_engine import duckdb_session, query
from salesinsights_dagster.dashboard.dashboard_sql import dashboard_sql
from salesinsights_dagster.dashboard.day_curves import DayCurves, purchases_between
from salesinsights_dagster.dashboard.forecast import WEEKS, Forecast, forecast, no_forecast
from salesinsights_dagster.dashboard.periods import Period, days_period, part_of_day, purchases_period
from salesinsights_dagster.dashboard.spans import MINUTE, WEEK, Comparison, Span, midnight_of
from salesinsights_dagster.dashboard.view import View

TOP = 20

NO_FORECAST = "only today has a forecast"


@dataclass(frozen=True)
class Figures:
    """A span's figures, and those of the other time.

    `totals` and `before` are by name, empty if nothing was sold. `incomparable` says why there is no `before`, or why
    it would be unfair. `top` is what its SQL says. `over_time` has a row for each bucket of the span, to the end of
    today: bucket_start; revenue, units, orders, buyers, null if not begun; other_revenue, null if unknown; forecast.
    """

    span: Span
    bucket: timedelta
    comparison: Comparison
    start: datetime
    end: datetime
    other_start: datetime
    other_end: datetime
    totals: dict[str, object]
    before: dict[str, object]
    incomparable: str | None
    top: pl.DataFrame
    over_time: pl.DataFrame
    forecast: Forecast

    def change(self, name: str) -> Decimal | None:
        """By how many per cent a total differs from that of the other time; None where that can't be said."""
        now, before = self.totals.get(name), self.before.get(name)
        if self.incomparable or not before or (now is None and name == "average_order_value"):
            return None
        sold, then = Decimal(str(now or 0)), Decimal(str(before))
        return (100 * (sold - then) / abs(then)).quantize(Decimal("0.1"))

    @property
    def other_text(self) -> str:
        """The other time in words."""
        return f"{self.comparison.text} until {self.other_end:%H:%M}" if self.span.days else self.comparison.text


@dataclass
class Kept:
    """What several looks share: days by quarters of an hour, and the other time of each span and comparison."""

    curves: DayCurves = field(default_factory=DayCurves)
    others: dict[tuple[str, str], tuple[object, Period]] = field(default_factory=dict)


def sales_figures(
    gold: BatchSnapshot,
    view: View,
    now: datetime,
    window_seconds: int,
    kept: Kept | None = None,
    top: int = TOP,
) -> Figures:
    """The figures of a view, of which the span ends now."""
    span, comparison, kept = view.shown, view.comparison, kept or Kept()
    start, bucket = span.start(now, window_seconds), span.bucket or timedelta(seconds=window_seconds)
    ago = comparison.ago or span.length(window_seconds)
    other_start, other_end = start - ago, now - ago - (now - midnight_of(now)) % MINUTE
    sales, period = _this(gold, span, start, now, bucket, kept.curves)
    times = other_start, other_end, other_start + span.length(window_seconds)
    other = _other(gold, span, comparison, times, bucket, kept)
    foretold = _forecast(gold, span, start, now, period, kept.curves)
    with duckdb_session({"sales": sales}, {"top": top}) as connection:
        best = query(connection, dashboard_sql("top_products"))
    totals = {**period.totals, "products": sales["product_id"].n_unique()} if period.totals else {}
    found = Figures(
        span=span, bucket=bucket, comparison=comparison, start=start, end=now,
        other_start=other_start, other_end=other_end,
        totals=totals, before=other.totals, incomparable=None,
        top=best, over_time=period.course, forecast=foretold,
    )  # fmt: skip
    why = _incomparable(found, kept.curves.first_sale(gold))
    beside = other.course.select(pl.col("bucket_start") + ago, pl.col("revenue").alias("other_revenue"))
    return replace(
        found, incomparable=why, over_time=_over_time(found, start + span.length(window_seconds), beside, why)
    )


def _this(
    gold: BatchSnapshot, span: Span, start: datetime, now: datetime, bucket: timedelta, curves: DayCurves
) -> tuple[pl.DataFrame, Period]:
    """The sales by product, and the period."""
    if not span.days:
        # A shop's clock may be ahead: what it calls the future comes when it is the present.
        rows = purchases_between(gold.table(SILVER_PURCHASES), [(start, now + timedelta(microseconds=1))])
        sold = pl.when(pl.col("price") >= 0).then(1).otherwise(0).alias("units")
        sales = rows.select("product_id", "brand", pl.col("price").alias("revenue"), sold)
        return sales, purchases_period(rows, start, now + bucket, bucket)
    days = f"event_date >= DATE '{start.date()}' AND event_date <= DATE '{now.date()}'"
    sales = gold.table(PRODUCT_SALES_DAILY).read(days, ["product_id", "brand", "revenue", "units"])
    last = midnight_of(now)
    if span.days == 1:
        return sales, part_of_day(gold, curves, last, None)
    return sales, days_period(gold, curves, start, last, None)


def _other(
    gold: BatchSnapshot,
    span: Span,
    comparison: Comparison,
    times: tuple[datetime, datetime, datetime],
    bucket: timedelta,
    kept: Kept,
) -> Period:
    """The other time from its start: the totals until the same minute, the course up to the end."""
    start, until, end = times
    name, last = (span.name, comparison.name), midnight_of(until)
    key = (*times, kept.curves.state(gold, start.date(), end.date()))
    known, period = kept.others.get(name, (None, None))
    if period is None or known != key:
        if not span.days:
            rows = purchases_between(gold.table(SILVER_PURCHASES), [(start, end)])
            period = purchases_period(rows, start, until, bucket)
        elif span.days == 1:
            period = part_of_day(gold, kept.curves, last, until)
        else:
            period = days_period(gold, kept.curves, start, last, until)
        kept.others[name] = key, period
    return period


def _forecast(
    gold: BatchSnapshot, span: Span, midnight: datetime, now: datetime, today: Period, curves: DayCurves
) -> Forecast:
    if span.days != 1:
        return no_forecast(NO_FORECAST)
    known = curves.days(gold)
    earlier = [midnight - number * WEEK for number in range(1, WEEKS + 1)]
    days = [curves.of(gold, day.date()) for day in earlier if day.date() in known]
    if not days:
        return no_forecast(f"nothing is known of a {midnight:%A} of the last {WEEKS} weeks")
    return forecast(midnight, now, today.course, days)


def _over_time(found: Figures, end: datetime, beside: pl.DataFrame, incomparable: str | None) -> pl.DataFrame:
    """A row for each bucket: what was sold in it, in the other time, and what is expected."""
    buckets = pl.datetime_range(found.start, end, found.bucket, closed="left", eager=True).alias("bucket_start")
    rows, kinds = buckets.to_frame(), {**found.over_time.schema, **beside.schema}
    for course in (found.over_time.drop("refunds"), beside, found.forecast.course):
        rows = rows.join(course, on="bucket_start", how="left")
    is_known = {name: pl.col("bucket_start") <= found.end for name in ("revenue", "units", "orders", "buyers")}
    # Where sales begin within the other time, nothing is known of what came before.
    known_from = found.start if incomparable is None else beside["bucket_start"].min()
    is_known["other_revenue"] = pl.lit(False) if known_from is None else pl.col("bucket_start") >= known_from
    filled = (
        pl.when(pl.col(name).is_null() & known).then(pl.lit(0).cast(kinds[name])).otherwise(pl.col(name)).alias(name)
        for name, known in is_known.items()
    )
    return rows.with_columns(filled)


def _incomparable(figures: Figures, first_sale: datetime | None) -> str | None:
    """Why the totals can't fairly be compared; None if they can."""
    text = figures.other_text
    if first_sale is None or first_sale >= figures.other_end:
        since = f": sales begin {first_sale:%d %b %Y %H:%M} UTC" if first_sale else ""
        return f"the lake has nothing of {text}{since}"
    if first_sale > figures.other_start:
        return f"the lake has only a part of {text}: sales begin {first_sale:%d %b %Y %H:%M} UTC"
    return None if figures.before else f"nothing was sold {text}"
