"""The tables of sales, made from the purchases of a day, and what was told of them elsewhere.

Add here: a table that a payment reaches at once. Not here: one that follows in its own time.
"""

import polars as pl

from assets.events.contract import UTC_MICROSECONDS
from resources.lake_table import TableLayout

AMOUNT = pl.Decimal(18, 2)

_MEASURES = {
    "units": pl.Int64(),
    "orders": pl.Int64(),
    "buyers": pl.Int64(),
    "revenue": AMOUNT,
    "refunds": AMOUNT,
    "updated_at": UTC_MICROSECONDS,
}

PRODUCT_SALES = TableLayout(
    "gold/product_sales",
    pl.Schema(
        {
            "window_start": UTC_MICROSECONDS,
            "window_end": UTC_MICROSECONDS,
            "product_id": pl.Int64(),
            "brand": pl.String(),
            **_MEASURES,
            "event_date": pl.Date(),
        }
    ),
    ("event_date",),
    "Sales per product and window of event time.",
    file_bytes=2**20,
)

PRODUCT_SALES_DAILY = TableLayout(
    "gold/product_sales_daily",
    pl.Schema({"product_id": pl.Int64(), "brand": pl.String(), **_MEASURES, "event_date": pl.Date()}),
    ("event_date",),
    "Sales per product and UTC day.",
)

CUSTOMER_DAYS = TableLayout(
    "gold/customer_days",
    pl.Schema(
        {
            "user_id": pl.Int64(),
            "orders": pl.Int64(),
            "units": pl.Int64(),
            "revenue": AMOUNT,
            "refunds": AMOUNT,
            "first_order_at": UTC_MICROSECONDS,
            "last_order_at": UTC_MICROSECONDS,
            "updated_at": UTC_MICROSECONDS,
            "event_date": pl.Date(),
        }
    ),
    ("event_date",),
    "What a user bought on a UTC day: the sufficient statistics of lifetime value.",
    file_bytes=2**20,
)

_RESTATED = {"units": pl.Int64(), "revenue": AMOUNT, "refunds": AMOUNT}

RESTATEMENTS = TableLayout(
    "gold/restatements",
    pl.Schema(
        {
            "event_date": pl.Date(),
            "window_start": UTC_MICROSECONDS,
            "window_end": UTC_MICROSECONDS,
            "product_id": pl.Int64(),
            **{f"old_{name}": kind for name, kind in _RESTATED.items()},
            **{f"new_{name}": kind for name, kind in _RESTATED.items()},
            "reason": pl.String(),
            "restated_at": UTC_MICROSECONDS,
        }
    ),
    (),
    "Published windows of product_sales that changed after they had closed: what they said, what they say, and why.",
)

SALES_TOPIC = TableLayout(
    "serving/sales_topic",
    pl.Schema(
        {
            "topic": pl.String(),
            "topic_id": pl.String(),
            "version": pl.Int64(),
            "fingerprint": pl.String(),
            "rows": pl.Int64(),
            "tombstones": pl.Int64(),
            "published_at": UTC_MICROSECONDS,
        }
    ),
    (),
    "One row: the version of product_sales that the topic of product sales has, and what was sent to bring it there.",
)
