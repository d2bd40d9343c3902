"""The tables of products: sales by category and brand, what is bought together, and how soon it is bought again.

Add here: a table about products that follows the purchases in its own time. Not here: their sales (`sales`).
"""

import polars as pl

from assets.events.contract import UTC_MICROSECONDS
from assets.tables.sales import AMOUNT
from assets.tables.table import Cadence, Table

_ORDER = ("user_id", "user_session", "event_time", "price")

CATEGORY_SALES_DAILY = Table(
    "gold/category_sales_daily",
    pl.Schema(
        {
            "product_id": pl.Int64(),
            "part": pl.Int64(),
            "category": pl.String(),
            "brand": pl.String(),
            "units": pl.Int64(),
            "revenue": AMOUNT,
            "refunds": AMOUNT,
            "known_cost_revenue": AMOUNT,
            "cost": AMOUNT,
            "updated_at": UTC_MICROSECONDS,
            "event_date": pl.Date(),
        }
    ),
    ("event_date",),
    "Sales per UTC day, product, category and brand, and what the units cost: as the catalogue had it at the moment of "
    "the sale, and where it says nothing, as the purchase itself says.",
    key=("event_date", "product_id", "part"),
    made_from=("silver/events", "silver/purchases", "silver/catalog"),
    lineage={
        **dict.fromkeys(("units", "revenue", "refunds", "known_cost_revenue"), ("price",)),
        "category": ("category_code", "category_id"),
        "event_date": ("event_time",),
        "updated_at": ("ingested_at",),
    },
    cadence=Cadence.MINUTES,
    engine="polars",
    is_served=True,
    columns={
        "part": "numbers the rows of a product and day: there are several if its category or brand changed that day",
        "category": "the catalogue's category at the sale; else the purchase's own category_code, else its category_id",
        "brand": "the catalogue's brand at the sale; else the purchase's own; null where neither says one",
        "known_cost_revenue": "the revenue of the sales for which the catalogue had a cost; null if it had none",
        "cost": "what the units cost the shop, where the catalogue had a cost: known_cost_revenue - cost is the margin",
    },
)

PRODUCT_OUTLOOK = Table(
    "gold/product_outlook",
    pl.Schema(
        {
            "product_id": pl.Int64(),
            **dict.fromkeys(("name", "category", "brand"), pl.String()),
            "first_sold_on": pl.Date(),
            "last_sold_on": pl.Date(),
            "units_30d": pl.Int64(),
            **dict.fromkeys(("revenue_30d", "known_cost_revenue_30d", "margin_30d"), AMOUNT),
            "stock": pl.Int64(),
            "stock_at": UTC_MICROSECONDS,
            "sold_since": pl.Int64(),
            "stock_left": pl.Int64(),
            "units_a_day": pl.Float64(),
            "days_left": pl.Float64(),
            "as_of": pl.Date(),
        }
    ),
    (),
    "For each product that is in the catalogue now: when it was last sold, what it earned in 30 days, and how long its "
    "stock lasts at the pace of these days.",
    key=("product_id",),
    made_from=("silver/catalog", "gold/category_sales_daily", "gold/product_sales"),
    cadence=Cadence.HOURLY,
    engine="duckdb",
    is_served=True,
    columns={
        "name": "the product's name",
        "category": "the product's category, in the shop's words",
        "brand": "the product's brand, as the catalogue has it",
        "first_sold_on": "the first UTC day on which it was sold; null: it never was",
        "last_sold_on": "the last UTC day on which it was sold; null: it never was",
        "units_30d": "units sold in the 30 days up to as_of",
        "revenue_30d": "revenue of the 30 days up to as_of, net of refunds",
        "known_cost_revenue_30d": "the part of revenue_30d whose cost is known",
        "margin_30d": "known_cost_revenue_30d less the cost of its units; null where no cost is known",
        "stock": "pieces in stock at stock_at",
        "stock_at": "when the shop last stated the stock (UTC)",
        "sold_since": "units sold since stock_at, from the first window that began then or later",
        "stock_left": "stock less sold_since, at least 0; null where no stock is known",
        "units_a_day": "units_30d divided by 30, or by the days since first_sold_on where these are fewer",
        "days_left": "stock_left divided by units_a_day: for so many days the stock lasts; null if nothing is sold",
        "as_of": "the newest UTC day with a sale of any product",
    },
)

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
