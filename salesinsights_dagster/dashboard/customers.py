"""What customers are worth: a few tables from customer_value and abandoned_carts, refreshed every few minutes.

Add here: a figure about all customers. Not here: what a customer's value is (`assets/customers/customer_value.sql`).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl

from assets.customers.lifetime_model import BY_MODEL
from assets.progress.source_fingerprints import has_changed, is_not_computed
from assets.tables import ABANDONED_CARTS, CUSTOMER_DAYS, CUSTOMER_VALUE, SILVER_EVENTS
from assets.tables.queries import macros
from resources.duckdb_engine import duckdb_session, query
from resources.lake import Lake
from resources.lake_table import LakeTable
from salesinsights_dagster.dashboard.dashboard_sql import dashboard_sql

_COLUMNS = [
    "user_id", "orders", "revenue", "average_order_value", "last_order_at", "frequency", "cohort", "segment", "as_of",
    "predicted_value", "predicted_purchases", "probability_alive", "prediction", "is_active",
]  # fmt: skip

PARTS = (
    *("value_bands", "segments", "cohorts", "top_customers"),
    *("expected_customers", "leaving_customers", "left_carts"),
)
"""The tables, named like their queries."""


@dataclass(frozen=True)
class Customers:
    """Both tables at one version each: how many customers, and the frames with the columns of the SQL of their name.

    `missing` names the tables that nobody has computed yet, though there is something to compute.
    `as_of` is the day up to which values are computed, None while nobody has bought anything; `customers_at` and
    `carts_at` say when both were computed (UTC), and `is_behind` whether the customers lack newer purchases; `active`
    is how many customers are; `predicted` is what the models expect from all of them within the
    longer horizon, None if they can't tell, and `why` says why; `in_carts` is the value of left carts.
    """

    versions: tuple[int, int]
    missing: tuple[str, ...]
    count: int
    as_of: date | None
    customers_at: datetime | None
    carts_at: datetime | None
    is_behind: bool
    active: int
    predicted: Decimal | None
    why: str | None
    in_carts: Decimal
    value_bands: pl.DataFrame
    segments: pl.DataFrame
    cohorts: pl.DataFrame
    top_customers: pl.DataFrame
    expected_customers: pl.DataFrame
    leaving_customers: pl.DataFrame
    left_carts: pl.DataFrame


def customers_now(lake: Lake, known: Customers | None = None) -> Customers:
    """The newest figures; `known` itself if nothing has moved since."""
    tables = lake.table(CUSTOMER_VALUE), lake.table(ABANDONED_CARTS)
    versions = tables[0].version, tables[1].version
    sources = (CUSTOMER_DAYS, SILVER_EVENTS)
    missing = tuple(
        table.layout.name for table, source in zip(tables, sources, strict=True) if is_not_computed(table, lake, source)
    )
    is_behind = has_changed(tables[0], lake.table(CUSTOMER_DAYS))
    if known is not None and (known.versions, known.missing, known.is_behind) == (versions, missing, is_behind):
        return known
    rows, carts = tables[0].read(columns=_COLUMNS), tables[1].read(columns=["user_id", "cart_value", "carted_at"])
    with duckdb_session({"customers": rows, "carts": carts}, macros=macros()) as connection:
        frames = {name: query(connection, dashboard_sql(name)) for name in PARTS}
    as_of = rows.item(0, "as_of") if rows.height else None
    foretold = rows.filter(pl.col("prediction") == BY_MODEL)
    predicted = _sum(foretold["predicted_value"]) if foretold.height else None
    why = rows.item(0, "prediction") if rows.height and predicted is None else None
    active = rows.filter("is_active").height
    return Customers(
        versions=versions,
        missing=missing,
        count=rows.height,
        as_of=as_of,
        customers_at=_written_at(tables[0]),
        carts_at=_written_at(tables[1]),
        is_behind=is_behind,
        active=active,
        predicted=predicted,
        why=why,
        in_carts=_sum(carts["cart_value"]),
        **frames,
    )


def _written_at(table: LakeTable) -> datetime | None:
    """When the newest rows of a table were written, which is replaced as a whole."""
    files = table.files()
    newest = files["modification_time"].max() if files.height else None
    return datetime.fromtimestamp(newest / 1_000, UTC) if isinstance(newest, int) else None


def _sum(money: pl.Series) -> Decimal:
    return Decimal(str(money.sum() or 0))
