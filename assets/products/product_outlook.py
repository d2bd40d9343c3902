"""What becomes of the catalogue's products: which are not sold, which run out and when, and what each earns.

Recomputed once an hour from the sales by category and brand.
Add here: how the table follows. Not here: the formulas (`product_outlook.sql`).
"""

from datetime import date, timedelta

import polars as pl

from assets.products.catalog import LOADS
from assets.progress.source_fingerprints import has_changed, seen
from assets.tables import CATALOG, CATEGORY_SALES_DAILY, PRODUCT_OUTLOOK, PRODUCT_SALES
from assets.tables.queries import sql_of
from resources.duckdb_engine import duckdb_session, query
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable

DAYS = 30
"""Of so many days is the pace, up to the newest with a sale."""

_SOLD = pl.Schema({"product_id": pl.Int64(), "units": pl.Int64()})


def product_outlook(
    catalog: pl.DataFrame, sales: pl.DataFrame, sold: pl.DataFrame, since: pl.DataFrame
) -> pl.DataFrame:
    """Rows of gold/product_outlook, from the catalogue's open rows and the frames that `product_outlook.sql` names."""
    frames = {"catalog": catalog, "sales": sales, "sold": sold, "since": since}
    with duckdb_session(frames) as connection:
        rows = query(connection, sql_of(PRODUCT_OUTLOOK))
    return rows.select(PRODUCT_OUTLOOK.schema.names()).cast(PRODUCT_OUTLOOK.schema)


def product_outlook_is_behind(lake: Lake) -> bool:
    """Whether a catalogue was loaded, or sales by category changed, since the table was computed."""
    table = lake.table(PRODUCT_OUTLOOK)
    loads = lake.table(CATALOG).progress(LOADS) or 0
    return (table.progress(LOADS) or 0) != loads or (loads > 0 and has_changed(table, lake.table(CATEGORY_SALES_DAILY)))


def refresh_product_outlook(lake: Lake) -> int:
    """Recompute the table; return the number of its rows. Without a catalogue it has none. Idempotent."""

    def refresh() -> int:
        table, sales = lake.table(PRODUCT_OUTLOOK), lake.table(CATEGORY_SALES_DAILY)
        windows, held = lake.table(PRODUCT_SALES), lake.table(CATALOG)
        catalog = held.read().filter(pl.col("valid_to").is_null())
        days = sales.read(columns=["product_id", "units", "event_date"]).filter(pl.col("units") > 0)
        ends = {"first_sold_on": pl.col("event_date").min(), "last_sold_on": pl.col("event_date").max()}
        rows = product_outlook(
            catalog,
            _newest(sales, days["event_date"].max()),
            days.group_by("product_id").agg(**ends),
            _sold_since(catalog, days, windows),
        )
        table.replace(rows, None, {**seen(sales), LOADS: held.progress(LOADS) or 0})
        return rows.height

    return again_on_conflict(refresh)


def _newest(sales: LakeTable, as_of: object) -> pl.DataFrame:
    columns = ["product_id", "units", "revenue", "known_cost_revenue", "cost"]
    since = as_of - timedelta(days=DAYS) if isinstance(as_of, date) else date.max
    return sales.read(f"event_date > DATE '{since}'", columns)


def _sold_since(catalog: pl.DataFrame, days: pl.DataFrame, windows: LakeTable) -> pl.DataFrame:
    """`product_id` and `units` sold since the stock was stated: the rest of that day by windows, and the days after."""
    stated = catalog.drop_nulls(["stock", "stock_at"]).select("product_id", "stock_at")
    stated = stated.with_columns(day=pl.col("stock_at").dt.date())
    later = days.join(stated, on="product_id").filter(pl.col("event_date") > pl.col("day"))
    parts = [later.select(_SOLD.names()), *(_rest_of_day(windows, rows) for rows in stated.partition_by("day"))]
    return pl.concat(parts).group_by("product_id").agg(pl.col("units").sum())


def _rest_of_day(windows: LakeTable, stated: pl.DataFrame) -> pl.DataFrame:
    on_day = PRODUCT_SALES.on_days(stated["day"].head(1))
    sold = windows.read(on_day, ["product_id", "window_start", "units"]).join(stated, on="product_id")
    return sold.filter(pl.col("window_start") >= pl.col("stock_at")).select(_SOLD.names())
