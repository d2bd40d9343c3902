"""Which category a product is in, by the newest events about it.

Add here: nothing else. Not here: names and categories that the shop says itself (`products.catalog`).
"""

from datetime import datetime, timedelta

import polars as pl

from assets.tables import FUNNEL_DAILY
from resources.lake import Lake

CATEGORY_DAYS = 7
"""A product's category is that of its events in the last days."""

CATEGORIES = pl.Schema({"product_id": pl.Int64(), "category": pl.String()})


def categories_of_products(lake: Lake, now: datetime) -> pl.DataFrame:
    """`product_id` and `category` (its code, else its number) by the newest events of funnel_daily, minutes behind."""
    rows = lake.table(FUNNEL_DAILY).read(
        f"level = 'product' AND event_date > DATE '{(now - timedelta(days=CATEGORY_DAYS)).date()}'",
        ["product_id", "category_id", "category_code", "event_date"],
    )
    name = pl.coalesce("category_code", pl.col("category_id").cast(pl.String)).alias("category")
    newest = rows.sort("event_date").with_columns(name).drop_nulls("category").group_by("product_id").last()
    return newest.select(CATEGORIES.names()).cast(CATEGORIES)
