"""What customers are worth, in a few tables. Read from gold's customer_value, which follows the stream by minutes.

Add here: a figure about all customers. Not here: what a customer's value is (`assets/customer_value.sql`).
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from assets.tables import CUSTOMER_VALUE
from resources.duckdb_engine import duckdb_session, query
from resources.lake import Lake
from salesinsights_dagster.dashboard.figures import sql_of

_COLUMNS = [
    "user_id", "orders", "revenue", "average_order_value", "last_order_at", "frequency", "cohort", "segment", "as_of",
]  # fmt: skip


@dataclass(frozen=True)
class Customers:
    """customer_value at one `version`: how many, their revenue, and the frames as the SQL of their name says.

    `as_of` is the day to which it was computed, None while nobody has bought anything.
    """

    version: int
    count: int
    as_of: date | None
    value_bands: pl.DataFrame
    segments: pl.DataFrame
    cohorts: pl.DataFrame
    top_customers: pl.DataFrame


def customers_now(lake: Lake, known: Customers | None = None) -> Customers:
    """The newest figures; `known` itself where the table has not moved since."""
    table = lake.table(CUSTOMER_VALUE)
    if known is not None and known.version == table.version:
        return known
    rows = table.read(columns=_COLUMNS)
    with duckdb_session({"customers": rows}) as connection:
        frames = {
            name: query(connection, sql_of(name)) for name in ("value_bands", "segments", "cohorts", "top_customers")
        }
    return Customers(table.version, rows.height, rows.item(0, "as_of") if rows.height else None, **frames)
