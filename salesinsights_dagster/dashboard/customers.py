"""What customers are worth and what is expected of them: the tables behind the Customers page.

They are refreshed every few minutes, and computed once for all viewers.
Add here: a figure about all customers. Not here: one customer (`one_customer`), or what a customer's value is
(`assets/customers/customer_value.sql`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl

from assets.customers.lifetime_model import BY_MODEL
from assets.customers.sales_outlook import has_month_to_test
from assets.progress.source_fingerprints import has_changed, is_not_computed
from assets.tables import (
    ABANDONED_CARTS,
    AUDIENCE_MEMBERS,
    COHORT_RETENTION,
    CUSTOMER_DAYS,
    CUSTOMER_VALUE,
    EXPECTED_SALES,
    SALES_BACKTEST,
    SEGMENT_MOVES,
    SEGMENTS,
    SILVER_EVENTS,
)
from assets.tables.queries import macros
from resources.duckdb_engine import duckdb_session, query
from resources.lake import Lake
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout
from salesinsights_dagster.dashboard.dashboard_sql import dashboard_sql

_COLUMNS = [
    "user_id", "orders", "revenue", "average_order_value", "last_order_at", "frequency", "cohort", "segment", "as_of",
    "predicted_value", "predicted_value_low", "predicted_value_high", "predicted_purchases", "probability_alive",
    "prediction", "is_active",
]  # fmt: skip

LISTS = ("top_customers", "expected_customers", "leaving_customers", "left_carts")
QUERIES = ("value_bands", "segments", "cohorts", *LISTS)
"""The frames that are named like their queries."""

FOLLOWING = {
    "segment_months": SEGMENTS,
    "segment_moves": SEGMENT_MOVES,
    "expected_sales": EXPECTED_SALES,
    "sales_backtest": SALES_BACKTEST,
    "retention": COHORT_RETENTION,
}
"""The frames that are tables of gold as they are."""

_READ = (CUSTOMER_VALUE, ABANDONED_CARTS, AUDIENCE_MEMBERS, *FOLLOWING.values())
_WEEK = timedelta(days=7)
_OF_MEMBER = ["user_id", "segment", "orders", "revenue", "last_order_at", "predicted_value", "probability_alive"]


@dataclass(frozen=True)
class LeftCarts:
    """What lies in carts: the value, of how many users, and of it what was put in within 7 days and the 7 before."""

    value: Decimal
    users: int
    newest: Decimal
    before: Decimal


@dataclass(frozen=True)
class Customers:
    """The tables at one version each, and the frames of QUERIES and FOLLOWING.

    `audiences` counts the members of each audience that has some. `missing` names the tables that nobody has
    computed yet, though there is something to compute. `as_of` is the day up to which values are computed, None
    while nobody has bought anything; `customers_at` and `carts_at` say when both were computed (UTC), and
    `is_behind` whether the customers lack newer purchases; `active` is how many customers are; `why` says why
    nothing is expected of them, None if something is. `sold_before` has, by horizon, the revenue of as many days up
    to `as_of`; None where the lake's sales begin later, on `first_sale`.
    """

    versions: tuple[int, ...]
    missing: tuple[str, ...]
    count: int
    as_of: date | None
    customers_at: datetime | None
    carts_at: datetime | None
    is_behind: bool
    active: int
    why: str | None
    carts: LeftCarts
    sold_before: Mapping[int, Decimal | None]
    first_sale: date | None
    value_bands: pl.DataFrame
    segments: pl.DataFrame
    cohorts: pl.DataFrame
    top_customers: pl.DataFrame
    expected_customers: pl.DataFrame
    leaving_customers: pl.DataFrame
    left_carts: pl.DataFrame
    segment_months: pl.DataFrame
    segment_moves: pl.DataFrame
    expected_sales: pl.DataFrame
    sales_backtest: pl.DataFrame
    retention: pl.DataFrame
    audiences: pl.DataFrame

    def is_missing(self, layout: TableLayout) -> bool:
        """Whether a table is not computed yet."""
        return layout.name in self.missing

    @property
    def horizons(self) -> list[int]:
        """The horizons of gold/expected_sales in days, the shorter first."""
        return sorted(set(self.expected_sales["horizon_days"]))

    def expected(self, part: str, days: int) -> pl.DataFrame:
        """The rows of a part of gold/expected_sales within a horizon."""
        return self.expected_sales.filter(pl.col("part") == part, pl.col("horizon_days") == days)


def customers_now(lake: Lake, known: Customers | None = None) -> Customers:
    """The newest figures; `known` itself if nothing has moved since. Raises LakeError if they can't be read."""
    tables = {layout.name: lake.table(layout) for layout in _READ}
    value, sold = tables[CUSTOMER_VALUE.name], lake.table(CUSTOMER_DAYS)
    versions = tuple(table.version for table in tables.values())
    missing = tuple(_missing(lake, tables, sold))
    is_behind = has_changed(value, sold)
    if known is not None and (known.versions, known.missing, known.is_behind) == (versions, missing, is_behind):
        return known
    rows = value.read(columns=_COLUMNS)
    carts = tables[ABANDONED_CARTS.name].read(columns=["user_id", "cart_value", "carted_at"])
    with duckdb_session({"customers": rows, "carts": carts}, macros=macros()) as connection:
        frames = {name: query(connection, dashboard_sql(name)) for name in QUERIES}
    followed = {name: tables[layout.name].read().sort(layout.key) for name, layout in FOLLOWING.items()}
    as_of = rows.item(0, "as_of") if rows.height else None
    is_foretold = rows.filter(pl.col("prediction") == BY_MODEL).height > 0
    horizons = sorted(set(followed["expected_sales"]["horizon_days"]))
    return Customers(
        versions=versions,
        missing=missing,
        count=rows.height,
        as_of=as_of,
        customers_at=_written_at(value),
        carts_at=_written_at(tables[ABANDONED_CARTS.name]),
        is_behind=is_behind,
        active=rows.filter("is_active").height,
        why=None if is_foretold or not rows.height else rows.item(0, "prediction"),
        carts=_left(carts),
        sold_before={} if as_of is None else {days: _sold(sold, as_of, days) for days in horizons},
        first_sale=min(sold.days, default=None),
        **frames,
        **followed,
        audiences=_audiences(tables[AUDIENCE_MEMBERS.name]),
    )


def members_of_audience(lake: Lake, name: str) -> pl.DataFrame:
    """Who is in an audience, by user: user_id, joined_at, and what customer_value says (null without a purchase)."""
    joined = lake.table(AUDIENCE_MEMBERS).read(columns=list(AUDIENCE_MEMBERS.schema)).filter(audience=name)
    known = lake.table(CUSTOMER_VALUE).read(columns=_OF_MEMBER)
    return joined.drop("audience").join(known, on="user_id", how="left").sort("user_id")


def _audiences(members: LakeTable) -> pl.DataFrame:
    """By name: how many are in an audience, and when the last one joined (UTC)."""
    counted = pl.len().cast(pl.Int64).alias("members"), pl.col("joined_at").max().alias("last_joined_at")
    return members.read(columns=["audience", "joined_at"]).group_by("audience").agg(counted).sort("audience")


def _missing(lake: Lake, tables: Mapping[str, LakeTable], sold: LakeTable) -> list[str]:
    """The tables that are empty only because they were never computed."""
    value = tables[CUSTOMER_VALUE.name]
    is_missing = {
        CUSTOMER_VALUE.name: is_not_computed(value, lake, CUSTOMER_DAYS),
        ABANDONED_CARTS.name: is_not_computed(tables[ABANDONED_CARTS.name], lake, SILVER_EVENTS),
        COHORT_RETENTION.name: lake.table(SILVER_EVENTS).rows > 0,
        SALES_BACKTEST.name: has_month_to_test(sold),
        **dict.fromkeys((one.name for one in (SEGMENTS, SEGMENT_MOVES, EXPECTED_SALES)), value.rows > 0),
    }
    return [name for name, is_due in is_missing.items() if is_due and not tables[name].rows]


def _left(carts: pl.DataFrame) -> LeftCarts:
    newest = carts["carted_at"].max()
    if not isinstance(newest, datetime):
        return LeftCarts(Decimal(0), 0, Decimal(0), Decimal(0))
    ago = newest - pl.col("carted_at")
    return LeftCarts(
        _sum(carts["cart_value"]),
        carts["user_id"].n_unique(),
        _sum(carts.filter(ago < _WEEK)["cart_value"]),
        _sum(carts.filter(ago >= _WEEK, ago < 2 * _WEEK)["cart_value"]),
    )


def _sold(sold: LakeTable, as_of: date, days: int) -> Decimal | None:
    """The revenue of the days up to `as_of`; None if the lake begins later than they."""
    first = as_of - timedelta(days=days - 1)
    if min(sold.days) > first:
        return None
    return _sum(sold.read(f"event_date >= DATE '{first}' AND event_date <= DATE '{as_of}'", ["revenue"])["revenue"])


def _written_at(table: LakeTable) -> datetime | None:
    """When the newest rows of a table were written, which is replaced as a whole."""
    files = table.files()
    newest = files["modification_time"].max() if files.height else None
    return datetime.fromtimestamp(newest / 1_000, UTC) if isinstance(newest, int) else None


def _sum(money: pl.Series) -> Decimal:
    return Decimal(str(money.sum() or 0))
