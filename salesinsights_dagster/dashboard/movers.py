"""What sells more, and what sells less than usual at this time of the week: products, brands, categories.

Usual is the mean of the same hours on the same weekdays in the weeks before.
Add here: how movers are found. Not here: when they are computed (`board`), how they look (`pages.live`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from assets.progress.batch_snapshot import BatchSnapshot
from assets.tables import FUNNEL_DAILY, PRODUCT_SALES, PRODUCT_SALES_DAILY, SILVER_PURCHASES
from assets.tables.queries import macros
from resources.duckdb_engine import duckdb_session, query
from resources.lake import Lake
from salesinsights_dagster.dashboard.dashboard_sql import dashboard_sql
from salesinsights_dagster.dashboard.day_curves import purchases_between, quarter_of
from salesinsights_dagster.dashboard.spans import DAY, MINUTE, WEEK, Span, midnight_of

TIMES = 4
"""How many earlier weeks make what is usual. A span that is longer than a week has one earlier time."""

LIMIT = 10
"""How many rise, and how many fall, are told of each kind."""

CATEGORY_DAYS = 7
"""A product's category is that of its events in the last days."""

LEVELS = ("product", "brand", "category")

_SOLD = ["product_id", "brand", "revenue"]
_CATEGORIES = pl.Schema({"product_id": pl.Int64(), "category": pl.String()})


@dataclass(frozen=True)
class Movers:
    """Until `end`: for each of LEVELS the frame of `movers.sql` without `level`, the largest rise first.

    `times` is how many earlier times make what is usual, `step` from one to the next. Without any,
    `why` says so, and the frames have no rows. `has_categories` says whether categories are computed.
    """

    start: datetime
    end: datetime
    times: int
    step: timedelta
    why: str | None
    levels: Mapping[str, pl.DataFrame]
    has_categories: bool


def end_of_movers(span: Span, now: datetime) -> datetime:
    """Movers of the last hour are of whole minutes; those of days, which cost more, of whole quarters of an hour."""
    return now - (now - midnight_of(now)) % MINUTE if not span.days else quarter_of(now)


def categories_of_products(lake: Lake, now: datetime) -> pl.DataFrame:
    """`product_id` and `category` (its code, else its number) by the newest events of funnel_daily, minutes behind."""
    rows = lake.table(FUNNEL_DAILY).read(
        f"level = 'product' AND event_date > DATE '{(now - CATEGORY_DAYS * DAY).date()}'",
        ["product_id", "category_id", "category_code", "event_date"],
    )
    name = pl.coalesce("category_code", pl.col("category_id").cast(pl.String)).alias("category")
    newest = rows.sort("event_date").with_columns(name).drop_nulls("category").group_by("product_id").last()
    return newest.select(_CATEGORIES.names()).cast(_CATEGORIES)


def movers(
    gold: BatchSnapshot,
    span: Span,
    now: datetime,
    window_seconds: int,
    categories: pl.DataFrame,
    first_sale: datetime | None,
) -> Movers:
    """The movers of a span that ends now. Of the earlier times, those count that the lake has from their start.

    `categories` is `categories_of_products`, `first_sale` the time of the oldest purchase in the lake.
    """
    start, end = span.start(now, window_seconds), end_of_movers(span, now)
    step = -(-max(span.days, 1) // WEEK.days) * WEEK
    agos = [number * step for number in range(1, TIMES + 1 if step == WEEK else 2)]
    known = [ago for ago in agos if first_sale is not None and start - ago >= first_sale]
    if not known or end <= start:
        unknown = f"the lake has no sales of the same time {agos[0].days} days ago"
        why = "it has only just begun" if known else unknown
        return Movers(start, end, 0, step, why, dict.fromkeys(LEVELS, _NOTHING), not categories.is_empty())
    sold = pl.concat([_sold(gold, span, start - ago, end - ago, is_now=not ago) for ago in (timedelta(), *known)])
    frames, numbers = {"sold": sold, "categories": categories}, {"times": len(known), "each": LIMIT}
    with duckdb_session(frames, numbers, macros=macros()) as connection:
        found = query(connection, dashboard_sql("movers"))
    levels = {level: found.filter(pl.col("level") == level).drop("level") for level in LEVELS}
    return Movers(start, end, len(known), step, None, levels, not categories.is_empty())


_NOTHING = pl.DataFrame(
    schema={
        "product_id": pl.Int64(),
        **dict.fromkeys(("brand", "category"), pl.String()),
        **dict.fromkeys(("revenue", "usual", "change"), pl.Decimal(18, 2)),
        "per_cent": pl.Float64(),
    }
)


def _sold(gold: BatchSnapshot, span: Span, start: datetime, end: datetime, *, is_now: bool) -> pl.DataFrame:
    """Revenue by product of [start, end): _SOLD and `is_now`."""
    if not span.days:
        rows = purchases_between(gold.table(SILVER_PURCHASES), [(start, end)]).rename({"price": "revenue"})
        parts = [rows.select(_SOLD)]
    else:
        last = midnight_of(end)
        whole = f"event_date >= DATE '{start.date()}' AND event_date < DATE '{last.date()}'"
        begun = f"event_date = DATE '{last.date()}' AND window_start < TIMESTAMP '{end:%Y-%m-%dT%H:%M:%SZ}'"
        parts = [
            *([gold.table(PRODUCT_SALES_DAILY).read(whole, _SOLD)] if start < last else []),
            gold.table(PRODUCT_SALES).read(begun, _SOLD),
        ]
    summed = pl.concat([part.with_columns(pl.col("revenue").cast(pl.Decimal(18, 2))) for part in parts])
    by_product = summed.group_by("product_id").agg(pl.col("brand").max(), pl.col("revenue").sum())
    return by_product.select(*_SOLD, pl.lit(is_now).alias("is_now"))
