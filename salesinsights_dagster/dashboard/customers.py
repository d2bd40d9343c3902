"""What customers are worth: a few tables from customer_value and abandoned_carts, refreshed every few minutes.

Add here: a figure about all customers. Not here: what a customer's value is (`assets/customers/customer_value.sql`).
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import polars as pl

from assets.customers.lifetime_model import BY_PAST
from assets.tables import ABANDONED_CARTS, CUSTOMER_VALUE
from assets.tables.queries import macros
from resources.duckdb_engine import duckdb_session, query
from resources.lake import Lake
from salesinsights_dagster.dashboard.figures import dashboard_sql

_COLUMNS = [
    "user_id", "orders", "revenue", "average_order_value", "last_order_at", "frequency", "cohort", "segment", "as_of",
    "predicted_value", "predicted_purchases", "probability_alive", "prediction",
]  # fmt: skip

PARTS = (
    *("value_bands", "segments", "cohorts", "top_customers"),
    *("expected_customers", "leaving_customers", "left_carts"),
)
"""The tables, named like their queries."""


@dataclass(frozen=True)
class Customers:
    """Both tables at one version each: how many customers, and the frames with the columns of the SQL of their name.

    `as_of` is the day up to which values are computed, None while nobody has bought anything; `predicted` is what the
    models expect from all customers within the longer horizon, None if they can't tell; `in_carts` is the value of
    left carts.
    """

    versions: tuple[int, int]
    count: int
    as_of: date | None
    predicted: Decimal | None
    in_carts: Decimal
    value_bands: pl.DataFrame
    segments: pl.DataFrame
    cohorts: pl.DataFrame
    top_customers: pl.DataFrame
    expected_customers: pl.DataFrame
    leaving_customers: pl.DataFrame
    left_carts: pl.DataFrame


def customers_now(lake: Lake, known: Customers | None = None) -> Customers:
    """The newest figures; `known` itself if neither table has moved since."""
    tables = lake.table(CUSTOMER_VALUE), lake.table(ABANDONED_CARTS)
    versions = tables[0].version, tables[1].version
    if known is not None and known.versions == versions:
        return known
    rows, carts = tables[0].read(columns=_COLUMNS), tables[1].read(columns=["user_id", "cart_value", "carted_at"])
    with duckdb_session({"customers": rows, "carts": carts}, macros=macros()) as connection:
        frames = {name: query(connection, dashboard_sql(name)) for name in PARTS}
    as_of = rows.item(0, "as_of") if rows.height else None
    foretold = rows.filter(pl.col("prediction") != BY_PAST)
    predicted = _sum(foretold["predicted_value"]) if foretold.height else None
    return Customers(versions, rows.height, as_of, predicted, _sum(carts["cart_value"]), **frames)


def _sum(money: pl.Series) -> Decimal:
    return Decimal(str(money.sum() or 0))
