"""Which category a product is in now: by the catalogue, or where it says none, by the newest events about it.

Add here: nothing else. Not here: what a sale's category was (`products.category_sales`).
"""

from datetime import datetime, timedelta

import polars as pl

from assets.tables import CATALOG, FUNNEL_DAILY
from resources.lake import Lake

CATEGORY_DAYS = 7
"""Without a catalogue, a product's category is that of its events in the last days."""

CATEGORIES = pl.Schema({"product_id": pl.Int64(), "category": pl.String()})


def categories_of_products(lake: Lake, now: datetime) -> pl.DataFrame:
    """`product_id` and `category`: the catalogue's, else its code or number by the newest events, minutes behind."""
    told = lake.table(CATALOG).read(columns=["product_id", "category", "valid_to"])
    said = told.filter(pl.col("valid_to").is_null()).drop_nulls("category").select(CATEGORIES.names())
    rows = lake.table(FUNNEL_DAILY).read(
        f"level = 'product' AND event_date > DATE '{(now - timedelta(days=CATEGORY_DAYS)).date()}'",
        ["product_id", "category_id", "category_code", "event_date"],
    )
    name = pl.coalesce("category_code", pl.col("category_id").cast(pl.String)).alias("category")
    newest = rows.sort("event_date").with_columns(name).drop_nulls("category").group_by("product_id").last()
    others = newest.select(CATEGORIES.names()).join(said, on="product_id", how="anti")
    return pl.concat([others.cast(CATEGORIES), said])
