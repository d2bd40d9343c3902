"""Where a page's numbers come from: all sales, from prepared tables, or some of them, from their purchases.

Whole UTC days of all sales come from the daily tables of gold. A day that is cut, by the shop's midnight or by a clock,
comes from its quarters of an hour and its purchases. So every figure is exact, whatever the time zone.
Add here: how a time is counted. Not here: which times are counted (`times`), which sales are wanted (`filters`).
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol

import polars as pl

from assets.progress.batch_snapshot import BatchSnapshot
from assets.tables import CUSTOMER_DAYS, PRODUCT_SALES_DAILY, SILVER_PURCHASES
from assets.tables.queries import macros
from resources.duckdb_engine import duckdb_session, query
from resources.table_layout import TableLayout
from salesinsights_dagster.dashboard.dashboard_sql import dashboard_sql
from salesinsights_dagster.dashboard.day_curves import DayCurves, by_bucket, in_buckets, purchases_between, quarter_of
from salesinsights_dagster.dashboard.spans import DAY, QUARTER, midnight_of
from salesinsights_dagster.dashboard.times import are_days

SOLD = ["product_id", "brand", "revenue", "units"]

_SUMS = ["revenue", "units", "refunds", "orders"]
_TICK = timedelta(microseconds=1)


class Sales(Protocol):
    """What a page counts. Times are [start, until), UTC; `start` is that of a quarter of an hour, or of any window."""

    def course(self, edges: Sequence[datetime], until: datetime) -> pl.DataFrame:
        """By bucket, of those with a sale: `bucket_start`, `revenue`, `units`, `refunds`, `orders`, `buyers`."""

    def bought(self, start: datetime, until: datetime) -> pl.DataFrame:
        """`user_id` of each buyer, once or more often."""

    def products(self, start: datetime, until: datetime) -> pl.DataFrame:
        """SOLD of each product, in one row or in several."""


class RowSales:
    """The sales of purchase rows, as `read` gives them for a time."""

    def __init__(self, read: Callable[[datetime, datetime], pl.DataFrame]) -> None:
        self._read = read

    def course(self, edges: Sequence[datetime], until: datetime) -> pl.DataFrame:
        return by_bucket(self._read(edges[0], until), edges)

    def bought(self, start: datetime, until: datetime) -> pl.DataFrame:
        return self._read(start, until).filter(pl.col("price") >= 0).select("user_id")

    def products(self, start: datetime, until: datetime) -> pl.DataFrame:
        return sold_rows(self._read(start, until))


class AllSales:
    """All sales, from the tables of gold. Used for one look."""

    def __init__(self, gold: BatchSnapshot, curves: DayCurves) -> None:
        self._gold, self._curves = gold, curves

    def course(self, edges: Sequence[datetime], until: datetime) -> pl.DataFrame:
        if not are_days(edges):
            return self._quarters(edges[0], until)
        sums = in_buckets(self._sums(edges, until), edges, "bucket_start")
        summed = sums.group_by("bucket_start").agg(pl.col(_SUMS).sum())
        bought = in_buckets(self._orders(edges, until), edges, "at")
        buyers = bought.group_by("bucket_start").agg(pl.col("user_id").n_unique().cast(pl.Int64).alias("buyers"))
        days = summed.join(buyers, on="bucket_start", how="left").with_columns(pl.col("buyers").fill_null(0))
        return days.sort("bucket_start")

    def bought(self, start: datetime, until: datetime) -> pl.DataFrame:
        return self._orders([start], until).select("user_id")

    def products(self, start: datetime, until: datetime) -> pl.DataFrame:
        first, last = _midnight_after(start), midnight_of(until)
        cut = [(start, until)] if last < first else [(start, first), (last, until)]
        parts = [self._whole(PRODUCT_SALES_DAILY, first, last, SOLD)] if first < last else []
        cut = [(begin, end) for begin, end in cut if begin < end]
        if cut:
            parts.append(sold_rows(purchases_between(self._gold.table(SILVER_PURCHASES), cut)))
        return pl.concat([part.with_columns(pl.col("revenue").cast(pl.Decimal(18, 2))) for part in parts])

    def _quarters(self, start: datetime, until: datetime) -> pl.DataFrame:
        """By quarter of an hour, of which the last one may be cut off."""
        begun, count = quarter_of(until), max(0, (until - _TICK).toordinal() - start.toordinal()) + 1
        days = (self._curves.of(self._gold, start.date() + number * DAY) for number in range(count))
        whole = pl.concat(days).filter(pl.col("bucket_start").is_between(start, begun, closed="left"))
        if begun == until:
            return whole
        rest = purchases_between(self._gold.table(SILVER_PURCHASES), [(begun, until)])
        return pl.concat([whole, by_bucket(rest, [begun, begun + QUARTER])])

    def _sums(self, edges: Sequence[datetime], until: datetime) -> pl.DataFrame:
        """By UTC day or quarter of an hour: `bucket_start` and _SUMS."""
        columns = ["bucket_start", *_SUMS]
        if any(edge != midnight_of(edge) for edge in edges):
            return self._quarters(edges[0], until).select(columns)
        last = midnight_of(until)
        rows = self._whole(CUSTOMER_DAYS, edges[0], last, [*_SUMS, "event_date"])
        with duckdb_session({"customer_days": rows}, macros=macros()) as connection:
            days = query(connection, dashboard_sql("whole_days"))
        return pl.concat([days, self._quarters(last, until).select(columns)]) if last < until else days

    def _orders(self, edges: Sequence[datetime], until: datetime) -> pl.DataFrame:
        """`user_id` and `at`: for each user, UTC day and part of it between two edges, one or two orders, if any.

        The first and the last order of a day say in which parts of it there are orders, where it has two parts. Of
        more, the orders between are looked up.
        """
        start, cuts = edges[0], sorted({*edges, until})
        first, last = midnight_of(start), _midnight_after(until)
        columns = ["user_id", "first_order_at", "last_order_at", "event_date"]
        rows = self._whole(CUSTOMER_DAYS, first, last, columns).drop_nulls("first_order_at")
        inner = [cut for cut in cuts if cut != midnight_of(cut)]
        cut_rows = rows.filter(pl.col("event_date").is_in([cut.date() for cut in inner]))
        parts = [rows.select("user_id", pl.col("first_order_at").alias("at"))]
        parts.append(cut_rows.select("user_id", pl.col("last_order_at").alias("at")))
        for one, other in pairwise(inner):
            if one.date() == other.date():
                unknown = (pl.col("first_order_at") < one) & (pl.col("last_order_at") >= other)
                parts.append(self._orders_of(cut_rows.filter(unknown)["user_id"], one, other))
        return pl.concat(parts).filter(pl.col("at").is_between(start, until, closed="left"))

    def _orders_of(self, users: pl.Series, start: datetime, until: datetime) -> pl.DataFrame:
        if users.is_empty():
            return pl.DataFrame(schema={"user_id": pl.Int64(), "at": pl.Datetime("us", "UTC")})
        rows = purchases_between(self._gold.table(SILVER_PURCHASES), [(start, until)])
        bought = rows.filter((pl.col("price") >= 0) & pl.col("user_id").is_in(users.implode()))
        return bought.select("user_id", pl.col("event_time").alias("at"))

    def _whole(self, layout: TableLayout, first: datetime, last: datetime, columns: Sequence[str]) -> pl.DataFrame:
        days = f"event_date >= DATE '{first.date()}' AND event_date < DATE '{last.date()}'"
        return self._gold.table(layout).read(days, columns)


def sold_rows(purchases: pl.DataFrame) -> pl.DataFrame:
    """SOLD of purchase rows, a row for each."""
    unit = pl.when(pl.col("price") >= 0).then(1).otherwise(0).cast(pl.Int64).alias("units")
    return purchases.select("product_id", "brand", pl.col("price").alias("revenue"), unit)


def _midnight_after(moment: datetime) -> datetime:
    """The moment, if it is a midnight, else the next one."""
    return midnight_of(moment) if moment == midnight_of(moment) else midnight_of(moment) + DAY
