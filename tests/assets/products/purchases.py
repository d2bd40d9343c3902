"""Rows of silver/purchases, written by hand, and the lake that holds them.

Add here: how tests write them. Not here: what is computed from them.
"""

from datetime import UTC, datetime, timedelta

import polars as pl

from assets.tables import SILVER_PURCHASES

Item = tuple[int, str, int, str]
"""A user, the moment of the order, a product, and its price."""


def purchases(*items: Item) -> pl.DataFrame:
    """Each product `n` is of the brand `bn`; all purchases of a user are one visit."""
    shape = SILVER_PURCHASES.schema
    rows = [
        {
            "event_time": (at := datetime.fromisoformat(moment).replace(tzinfo=UTC)),
            "event_date": at.date(),
            "user_id": user,
            "user_session": f"s{user}",
            "product_id": product,
            "brand": f"b{product}",
            "price": price,
            "ingested_at": at + timedelta(seconds=1),
            "batch": 1,
        }
        for user, moment, product, price in items
    ]
    missing = [pl.lit(None, kind).alias(name) for name, kind in shape.items() if not rows or name not in rows[0]]
    known = pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col("price").cast(pl.Decimal(18, 2)))
    return known.with_columns(missing).select(shape.names()).cast(shape)
