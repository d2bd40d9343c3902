"""Which products are bought together: counted from the orders of the newest days.

The counts of a day are kept until its purchases change (`kept_parts`). So a refresh reads the days that are new or have
changed, and the counts of the others.
Add here: how the table follows the purchases. Not here: what is counted (the `.sql` files).
"""

from datetime import date
from pathlib import Path

import polars as pl

from assets.products.newest_purchases import Newest
from assets.progress.kept_parts import kept_part
from assets.progress.source_fingerprints import has_changed, seen
from assets.tables import BOUGHT_TOGETHER, SILVER_PURCHASES
from assets.tables.queries import sql_of
from resources.duckdb_engine import duckdb_session, query
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable

DAYS = Newest(days=90, rows=3_000_000)
"""The days whose orders count."""

FEWEST, MOST = 3, 20
"""A pair of fewer common orders is chance; of a product's pairs, so many are kept."""

LARGEST = 100
"""An order of more products says nothing about any two of them, and would cost the square of its size."""

_COUNTS = Path(__file__).with_name("order_counts.sql")
_READ = ("event_time", "product_id", "brand", "price", "user_id", "user_session")


def order_counts(purchases: pl.DataFrame) -> pl.DataFrame:
    """Orders per pair of products, per product, and of all, among these purchases: columns of `order_counts.sql`."""
    with duckdb_session({"purchases": purchases}, {"largest": LARGEST}) as connection:
        return query(connection, _COUNTS.read_text())


def bought_together(counts: pl.DataFrame, days: list[date]) -> pl.DataFrame:
    """Rows of gold/bought_together, from the order counts of these days, or of parts of them."""
    span = [pl.lit(day, pl.Date).alias(name) for name, day in zip(("first_day", "last_day"), _ends(days), strict=True)]
    with duckdb_session({"order_counts": counts}, {"fewest": FEWEST, "most": MOST}) as connection:
        found = query(connection, sql_of(BOUGHT_TOGETHER)).with_columns(span)
    return found.select(BOUGHT_TOGETHER.schema.names()).cast(BOUGHT_TOGETHER.schema)


def bought_together_is_behind(lake: Lake) -> bool:
    """Whether the purchases have changed since the table was computed."""
    return has_changed(lake.table(BOUGHT_TOGETHER), lake.table(SILVER_PURCHASES))


def refresh_bought_together(lake: Lake) -> int:
    """Recompute the table from the purchases; return the number of its rows. Idempotent."""

    def refresh() -> int:
        table, purchases = lake.table(BOUGHT_TOGETHER), lake.table(SILVER_PURCHASES)
        days = DAYS.days_of(purchases)
        counts = [order_counts(pl.DataFrame(schema={name: purchases.layout.schema[name] for name in _READ}))]
        counts += [_counts_of(lake, purchases, day) for day in days]
        rows = bought_together(pl.concat(counts), days)
        table.replace(rows, None, seen(purchases))
        return rows.height

    return again_on_conflict(refresh)


def _counts_of(lake: Lake, purchases: LakeTable, day: date) -> pl.DataFrame:
    """The counts of a day. Its place is that of the day DAYS.days before it, which counts no more."""
    name = f"order_counts/{day.toordinal() % DAYS.days}"
    return kept_part(lake, purchases, name, [day], _READ, order_counts, f"{_COUNTS.read_text()} {LARGEST}")


def _ends(days: list[date]) -> tuple[date | None, date | None]:
    return (days[0], days[-1]) if days else (None, None)
