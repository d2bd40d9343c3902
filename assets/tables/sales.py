"""The tables of sales, made from the purchases of a day, and what was told of them elsewhere.

Add here: a table that a payment reaches at once. Not here: one that follows in its own time.
"""

import polars as pl

from assets.events.contract import UTC_MICROSECONDS
from assets.tables.table import Cadence, Table

AMOUNT = pl.Decimal(18, 2)

BY_SALES = 2
"""The rule of the measures: 1 counted returns as orders and their users as buyers, 2 does not."""

_MEASURES = {
    "units": pl.Int64(),
    "orders": pl.Int64(),
    "buyers": pl.Int64(),
    "revenue": AMOUNT,
    "refunds": AMOUNT,
    "updated_at": UTC_MICROSECONDS,
}

_LINEAGE = {
    **dict.fromkeys(("units", "revenue", "refunds"), ("price",)),
    "orders": ("user_id", "user_session", "event_time", "price"),
    "buyers": ("user_id", "price"),
    **dict.fromkeys(("window_start", "window_end", "event_date"), ("event_time",)),
    **dict.fromkeys(("first_order_at", "last_order_at"), ("event_time", "price")),
    "updated_at": ("ingested_at",),
}

PRODUCT_SALES = Table(
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
    key=("event_date", "window_start", "product_id"),
    file_bytes=2**20,
    made_from=("silver/purchases",),
    lineage=_LINEAGE,
    rule=BY_SALES,
    engine="duckdb",
    is_served=True,
)

PRODUCT_SALES_DAILY = Table(
    "gold/product_sales_daily",
    pl.Schema({"product_id": pl.Int64(), "brand": pl.String(), **_MEASURES, "event_date": pl.Date()}),
    ("event_date",),
    "Sales per product and UTC day.",
    key=("event_date", "product_id"),
    made_from=("silver/purchases",),
    lineage=_LINEAGE,
    rule=BY_SALES,
    engine="duckdb",
    is_served=True,
)

CUSTOMER_DAYS = Table(
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
    key=("event_date", "user_id"),
    file_bytes=2**20,
    made_from=("silver/purchases",),
    lineage=_LINEAGE,
    rule=BY_SALES,
    engine="duckdb",
    is_served=True,
)

_RESTATED = {"units": pl.Int64(), "revenue": AMOUNT, "refunds": AMOUNT}

RESTATEMENTS = Table(
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
    "Published windows of product_sales that changed after they had closed: old figures, new figures, and why.",
    key=("window_start", "product_id", "restated_at"),
    made_from=("gold/product_sales",),
    lineage={f"{age}_{name}": (name,) for age in ("old", "new") for name in _RESTATED},
    cadence=Cadence.MINUTES,
    engine="duckdb",
    is_served=True,
    columns={
        **{f"old_{name}": f"{name} of the window as published" for name in _RESTATED},
        **{f"new_{name}": f"{name} of the window after the change" for name in _RESTATED},
        "reason": "why the window changed: `late` (a late event), `archive` (a month was loaded), `forgotten` (a user "
        "was) or `recomputed`",
        "restated_at": "when the change was found (UTC)",
    },
)

SALES_TOPIC = Table(
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
    "One row per topic of a table (product sales, audiences): the version that it shows, and what was sent last.",
    key=("topic",),
    cadence=Cadence.UPKEEP,
    columns={
        "topic": "the topic's name",
        "topic_id": "Kafka's id of the topic; a topic that was deleted and created again has a new one",
        "version": "the version of the table that was published",
        "fingerprint": "a hash of the columns and files of the published version",
        "rows": "rows sent by the last publication",
        "tombstones": "keys deleted by the last publication",
        "published_at": "when the version was published (UTC)",
    },
)
