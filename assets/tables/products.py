"""The tables of products: what is bought together, and how soon it is bought again.

Add here: a table about products that follows the purchases in its own time. Not here: their sales (`sales`).
"""

import polars as pl

from assets.tables.table import Cadence, Table

_ORDER = ("user_id", "user_session", "event_time", "price")

BOUGHT_TOGETHER = Table(
    "gold/bought_together",
    pl.Schema(
        {
            "product_id": pl.Int64(),
            "other_product_id": pl.Int64(),
            "other_brand": pl.String(),
            "orders_together": pl.Int64(),
            "orders": pl.Int64(),
            "other_orders": pl.Int64(),
            "all_orders": pl.Int64(),
            "support": pl.Float64(),
            "confidence": pl.Float64(),
            "lift": pl.Float64(),
            "first_day": pl.Date(),
            "last_day": pl.Date(),
        }
    ),
    (),
    "For each product the 20 products that share most orders with it, over the newest 90 days; pairs with at least 3 "
    "common orders.",
    key=("product_id", "other_product_id"),
    made_from=("silver/purchases",),
    lineage={
        "other_product_id": ("product_id",),
        "other_brand": ("brand",),
        **dict.fromkeys(("orders", "other_orders", "all_orders", "orders_together", "support"), _ORDER),
        **dict.fromkeys(("confidence", "lift"), _ORDER),
        **dict.fromkeys(("first_day", "last_day"), ("event_date",)),
    },
    cadence=Cadence.HOURLY,
    engine="duckdb",
    is_served=True,
    columns={
        "other_product_id": "the shop's number of the other product",
        "other_brand": "the other product's brand: the greatest of the names that its rows carry",
        "orders_together": "orders with both products",
        "orders": "orders with the product",
        "other_orders": "orders with the other product",
        "all_orders": "orders of all products",
        "support": "the share of all orders that have both products: orders_together / all_orders",
        "confidence": "the share of the product's orders that have the other one too: orders_together / orders",
        "lift": "confidence divided by the share of all orders that have the other product; above 1 they attract",
        "first_day": "the first UTC day whose orders count",
        "last_day": "the last UTC day whose orders count",
    },
)

REPURCHASES = Table(
    "gold/repurchases",
    pl.Schema(
        {
            "product_id": pl.Int64(),
            "buyers": pl.Int64(),
            "returning_buyers": pl.Int64(),
            "returning_share": pl.Float64(),
            "repurchases": pl.Int64(),
            "quarter_days": pl.Int64(),
            "median_days": pl.Int64(),
            "three_quarter_days": pl.Int64(),
        }
    ),
    (),
    "How soon customers bought a product again, over the newest 365 days: the days from a day with a purchase of it to "
    "the customer's next one. Products that nobody bought again have no row.",
    key=("product_id",),
    made_from=("silver/purchases",),
    lineage={
        **dict.fromkeys(("buyers", "returning_buyers", "returning_share"), ("user_id", "price")),
        **dict.fromkeys(
            ("repurchases", "quarter_days", "median_days", "three_quarter_days"), ("user_id", "price", "event_date")
        ),
    },
    cadence=Cadence.HOURLY,
    engine="duckdb",
    is_served=True,
    columns={
        "returning_buyers": "buyers who bought the product again on a later day",
        "returning_share": "returning_buyers divided by buyers, from 0 to 1",
        "repurchases": "how often somebody bought the product again: the number of intervals",
        "quarter_days": "a quarter of the repurchases came within so many days",
        "median_days": "half of the repurchases came within so many days: the typical interval",
        "three_quarter_days": "three quarters of the repurchases came within so many days",
    },
)
