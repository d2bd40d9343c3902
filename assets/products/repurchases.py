"""How soon customers buy a product again: the days between their purchases of it.

What the closed days say is kept (`kept_parts`): a row per user and product. So a refresh reads the newest two days and
these rows; once a day, and after a change of a closed day, all days that count.
Add here: how the table follows the purchases. Not here: what an interval is (the `.sql` files).
"""

from collections.abc import Collection
from datetime import date
from pathlib import Path

import polars as pl

from assets.products.newest_purchases import Newest
from assets.progress.kept_parts import kept_part
from assets.progress.source_fingerprints import has_changed, seen
from assets.tables import REPURCHASES, SILVER_PURCHASES
from assets.tables.queries import sql_of
from resources.duckdb_engine import duckdb_session, query
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable

DAYS = Newest(days=365, rows=5_000_000)
"""The days whose purchases count."""

OPEN_DAYS = 2
"""How many of the newest days each refresh reads."""

_GAPS = Path(__file__).with_name("purchase_gaps.sql")
_READ = ("user_id", "product_id", "price", "event_date")


def purchase_gaps(purchases: pl.DataFrame) -> pl.DataFrame:
    """A row per user and product among these purchases, with the days between them: columns of `purchase_gaps.sql`."""
    with duckdb_session({"purchases": purchases}) as connection:
        return query(connection, _GAPS.read_text())


def repurchases(gaps: pl.DataFrame) -> pl.DataFrame:
    """Rows of gold/repurchases, from the gaps of spans of days that do not overlap."""
    with duckdb_session({"purchase_gaps": gaps}) as connection:
        return query(connection, sql_of(REPURCHASES)).select(REPURCHASES.schema.names()).cast(REPURCHASES.schema)


def repurchases_are_behind(lake: Lake) -> bool:
    """Whether the purchases have changed since the table was computed."""
    return has_changed(lake.table(REPURCHASES), lake.table(SILVER_PURCHASES))


def refresh_repurchases(lake: Lake) -> int:
    """Recompute the table from the purchases; return the number of its rows. Idempotent."""

    def refresh() -> int:
        table, purchases = lake.table(REPURCHASES), lake.table(SILVER_PURCHASES)
        days = DAYS.days_of(purchases)
        spans = {"newest": days[-OPEN_DAYS:], "closed": days[:-OPEN_DAYS]}
        rows = repurchases(pl.concat(_gaps_of(lake, purchases, name, some) for name, some in spans.items()))
        table.replace(rows, None, seen(purchases))
        return rows.height

    return again_on_conflict(refresh)


def _gaps_of(lake: Lake, purchases: LakeTable, name: str, days: Collection[date]) -> pl.DataFrame:
    return kept_part(lake, purchases, f"purchase_gaps/{name}", days, _READ, purchase_gaps, _GAPS.read_text())
