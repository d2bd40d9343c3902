"""What is sold in a span of time, beside an earlier time: totals, top products, revenue over time and a forecast.

The other time ends at the same minute. What of it does not change is kept.
Add here: a figure about a span of sales. Not here: when it is computed (`board`), how it looks (`pages`).
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial

import polars as pl

from assets.events.contract import UTC_MICROSECONDS
from assets.progress.batch_snapshot import BatchSnapshot
from assets.tables import SILVER_PURCHASES
from assets.tables.queries import macros
from resources.duckdb_engine import duckdb_session, query
from salesinsights_dagster.dashboard.dashboard_sql import dashboard_sql
from salesinsights_dagster.dashboard.day_curves import DayCurves, in_buckets, purchases_between
from salesinsights_dagster.dashboard.filters import NO_CATEGORIES, FilteredPurchases, wanted_sql
from salesinsights_dagster.dashboard.forecast import WEEKS, Forecast, forecast, no_forecast
from salesinsights_dagster.dashboard.remembered import remember
from salesinsights_dagster.dashboard.sales import AllSales, RowSales, Sales
from salesinsights_dagster.dashboard.shop_days import day_of, days_from, days_later, said_moment, steps
from salesinsights_dagster.dashboard.spans import DAY, QUARTER, WEEK
from salesinsights_dagster.dashboard.times import Times, are_days, times_of
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

    view: View
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
    def is_by_day(self) -> bool:
        return bool(self.view.shown.days > 1 and self.view.shown.bucket == DAY)

    @property
    def other_text(self) -> str:
        """The other time in words."""
        text, until = self.view.comparison.text, self.other_end.astimezone(self.view.tz)
        return f"{text} until {until:%H:%M}" if self.view.shown.days and not self.view.range else text


@dataclass(frozen=True)
class Period:
    """Totals by name, as `totals.sql` says, empty if nothing was sold; and the course, as `Sales` says."""

    totals: dict[str, object]
    course: pl.DataFrame


@dataclass
class Kept:
    """What several looks share: days by quarters of an hour, filtered purchases, and the other time of each view."""

    curves: DayCurves = field(default_factory=DayCurves)
    filtered: FilteredPurchases = field(default_factory=FilteredPurchases)
    others: dict[View, tuple[object, Period]] = field(default_factory=dict)


def sales_figures(
    gold: BatchSnapshot,
    view: View,
    now: datetime,
    window_seconds: int,
    kept: Kept | None = None,
    categories: pl.DataFrame | None = None,
    top: int = TOP,
) -> Figures:
    """The figures of a view, of which the span ends now. `categories` are needed if it is of one."""
    kept, times = kept or Kept(), times_of(view, now, window_seconds)
    only = wanted_sql(view, NO_CATEGORIES if categories is None else categories)
    # A shop's clock may be ahead: what it calls the future comes in the last hour when it is the present.
    until = times.end if view.shown.days else now + timedelta(microseconds=1)
    sales = sales_of(gold, view, only, kept, times.start, until)
    period = _period(sales, times.edges, until)
    other = _other(gold, view, only, times, kept)
    foretold = _forecast(sales_of(gold, view, only, kept), view, times, now, period, kept.curves.days(gold))
    sold = sales.products(times.start, until)
    with duckdb_session({"sales": sold}, {"top": top}) as connection:
        best = query(connection, dashboard_sql("top_products"))
    totals = {**period.totals, "products": sold["product_id"].n_unique()} if period.totals else {}
    found = Figures(
        view=view, start=times.start, end=min(now, times.end),
        other_start=times.other_edges[0], other_end=times.other_until,
        totals=totals, before=other.totals, incomparable=None,
        top=best, over_time=period.course, forecast=foretold,
    )  # fmt: skip
    why = _incomparable(found, kept.curves.first_sale(gold))
    return replace(found, incomparable=why, over_time=_over_time(found, times, _beside(times, other.course), why))


def newest(gold: BatchSnapshot, view: View, now: datetime, window_seconds: int, kept: Kept) -> object:
    """What moves when the figures may: the snapshot, or of a time that is over, the purchases of its days."""
    times = times_of(view, now, window_seconds)
    ends = (*times.edges, *times.other_edges)
    return gold if times.end > now else kept.curves.state(gold, min(ends).date(), max(ends).date())


def sales_of(
    gold: BatchSnapshot,
    view: View,
    only: str | None,
    kept: Kept,
    start: datetime | None = None,
    until: datetime | None = None,
) -> Sales:
    """The sales that a predicate leaves; those of the last hour from its purchases, which are read here."""
    if not view.shown.days and start is not None and until is not None:
        rows = purchases_between(gold.table(SILVER_PURCHASES), [(start, until)], only)
        return RowSales(lambda begin, end: rows.filter(pl.col("event_time").is_between(begin, end, closed="left")))
    if only is None:
        return AllSales(gold, kept.curves)
    return RowSales(partial(kept.filtered.between, gold, kept.curves, only))


def _period(sales: Sales, edges: Sequence[datetime], until: datetime) -> Period:
    """What was sold until a moment; by quarter of an hour or by window the course goes on to the end."""
    counted, bought = sales.course(edges, until), sales.bought(edges[0], until)
    with duckdb_session({"buckets": counted, "bought": bought}, macros=macros()) as connection:
        found = query(connection, dashboard_sql("totals"))
    course = counted if are_days(edges) or until >= edges[-1] else sales.course(edges, edges[-1])
    return Period(found.row(0, named=True) if found.height else {}, course)


def _other(gold: BatchSnapshot, view: View, only: str | None, times: Times, kept: Kept) -> Period:
    """The other time, counted again only if its end has moved or its purchases have."""
    start, end = times.other_edges[0], times.other_edges[-1]
    key = only, start, times.other_until, end, kept.curves.state(gold, start.date(), end.date())
    known, period = kept.others.get(view, (None, None))
    if period is None or known != key:
        period = _period(sales_of(gold, view, only, kept, start, end), times.other_edges, times.other_until)
        remember(kept.others, view, (key, period))
    return period


def _forecast(sales: Sales, view: View, times: Times, now: datetime, today: Period, known: Container[date]) -> Forecast:
    if view.span != "today":
        return no_forecast(NO_FORECAST)
    day = day_of(times.start, view.tz)
    weeks = [number * WEEK.days for number in range(1, WEEKS + 1)]
    earlier = [_earlier(sales, view, day, days) for days in weeks if day - timedelta(days=days) in known]
    if not earlier:
        return no_forecast(f"nothing is known of a {day:%A} of the last {WEEKS} weeks")
    return forecast(times.start, now, today.course, earlier, len(times.edges) - 1)


def _earlier(sales: Sales, view: View, day: date, days: int) -> pl.DataFrame:
    """The quarters of an hour so many days before a day, as those of the day."""
    begin, end = days_from(day - timedelta(days=days), 1, view.tz)
    quarters = sales.course(steps(begin, end, QUARTER), end)
    return quarters.with_columns(_moved(quarters["bucket_start"], lambda moment: days_later(moment, days, view.tz)))


def _moved(moments: pl.Series, move: Callable[[datetime], datetime]) -> pl.Series:
    return pl.Series(moments.name, [move(moment) for moment in moments], UTC_MICROSECONDS)


def _beside(times: Times, course: pl.DataFrame) -> pl.DataFrame:
    """The other time's revenue in the buckets of this time: `bucket_start`, `other_revenue`.

    Where the clocks were changed between the two, an hour of one may have no like in the other, or two have the same.
    """
    shifted = course.select(_moved(course["bucket_start"], times.later), pl.col("revenue").alias("other_revenue"))
    placed = in_buckets(shifted.filter(pl.col("bucket_start") >= times.start), times.edges, "bucket_start")
    return placed.group_by("bucket_start").agg(pl.col("other_revenue").sum()).sort("bucket_start")


def _over_time(found: Figures, times: Times, beside: pl.DataFrame, incomparable: str | None) -> pl.DataFrame:
    """A row for each bucket: what was sold in it, in the other time, and what is expected."""
    buckets = pl.Series("bucket_start", times.edges[:-1], UTC_MICROSECONDS)
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
    since = "" if first_sale is None else f"sales begin {said_moment(first_sale, figures.view.tz)}"
    if first_sale is None or first_sale >= figures.other_end:
        return f"the lake has nothing of {text}{since and ': '}{since}"
    if first_sale > figures.other_start:
        return f"the lake has only a part of {text}: {since}"
    return None if figures.before else f"nothing was sold {text}"
