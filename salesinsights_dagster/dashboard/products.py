"""One product's sales, its funnel, what is bought with it, and how to find a product. All read from gold.

Add here: a figure about one product. Not here: figures about all of them (`figures`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from assets.progress.batch_snapshot import BatchSnapshot
from assets.progress.source_fingerprints import is_not_computed
from assets.tables import (
    BOUGHT_TOGETHER,
    FUNNEL_DAILY,
    PRODUCT_SALES,
    PRODUCT_SALES_DAILY,
    REPURCHASES,
    SILVER_PURCHASES,
)
from resources.duckdb_engine import duckdb_session, query
from resources.lake import Lake
from salesinsights_dagster.dashboard.dashboard_sql import dashboard_sql
from salesinsights_dagster.dashboard.day_curves import by_bucket, in_buckets, utc_literal
from salesinsights_dagster.dashboard.figures import Kept
from salesinsights_dagster.dashboard.shop_days import UTC_ZONE, day_of, days_from
from salesinsights_dagster.dashboard.spans import DAY

DAYS = 30

FUNNEL_STEPS = {"views": "Viewed", "carts": "Put in a cart", "removals": "Taken out", "purchases": "Bought"}

_MEASURES = ["units", "orders", "buyers", "revenue", "refunds"]


@dataclass(frozen=True)
class ProductSales:
    """A product's `days` (event_date and the measures) and today's `windows` (window_start and the measures).

    Both newest first; a day or window without a sale has no row. Days are the shop's, moments are UTC.
    """

    product_id: int
    brand: str | None
    days: pl.DataFrame
    windows: pl.DataFrame


def sales_of_product(
    gold: BatchSnapshot, product_id: int, now: datetime, zone: ZoneInfo = UTC_ZONE, kept: Kept | None = None
) -> ProductSales:
    """What was sold of a product in the last 30 days of a shop; no rows if nothing was.

    Today's windows are those that begin today.
    """
    mine, starts = f"product_id = {int(product_id)}", days_from(day_of(now, zone) - (DAYS - 1) * DAY, DAYS, zone)
    if zone.key == "UTC":
        since = f"{mine} AND event_date >= DATE '{starts[0].date()}'"
        days = gold.table(PRODUCT_SALES_DAILY).read(since, ["event_date", "brand", *_MEASURES])
    else:
        days = _days_of_shop(gold, mine, starts, zone, kept or Kept())
    dates = f"event_date >= DATE '{starts[-2].date()}' AND event_date <= DATE '{starts[-1].date()}'"
    today = f"window_start >= {utc_literal(starts[-2])} AND window_start < {utc_literal(starts[-1])}"
    windows = gold.table(PRODUCT_SALES).read(f"{mine} AND {dates} AND {today}", ["window_start", *_MEASURES])
    days = days.sort("event_date", descending=True)
    brand = days["brand"].drop_nulls()
    return ProductSales(
        product_id,
        brand[0] if len(brand) else None,
        days.drop("brand"),
        windows.sort("window_start", descending=True),
    )


def _days_of_shop(
    gold: BatchSnapshot, mine: str, starts: Sequence[datetime], zone: ZoneInfo, kept: Kept
) -> pl.DataFrame:
    """By day of the shop, from purchases: `event_date`, `brand` and the measures."""
    rows = kept.filtered.between(gold, kept.curves, mine, starts[0], starts[-1])
    brands = in_buckets(rows, starts, "event_time").group_by("bucket_start").agg(pl.col("brand").max())
    day = pl.col("bucket_start").dt.convert_time_zone(zone.key).dt.date().alias("event_date")
    return by_bucket(rows, starts).join(brands, on="bucket_start").select(day, "brand", *_MEASURES)


@dataclass(frozen=True)
class ProductFunnel:
    """A product's `steps` of 30 days (step, events, per_100_views), and when the newest of these events came.

    Without steps: whether the table was computed at all.
    """

    steps: pl.DataFrame
    until: datetime | None
    is_computed: bool


def funnel_of_product(lake: Lake, product_id: int, now: datetime) -> ProductFunnel:
    """How often a product was viewed, put into a cart, taken out again and bought; no steps if nothing happened.

    Refreshed every few minutes. Raises LakeError if the table can't be read.
    """
    table = lake.table(FUNNEL_DAILY)
    days = table.read(
        f"level = 'product' AND product_id = {int(product_id)} AND event_date > DATE '{(now - DAYS * DAY).date()}'",
        [*FUNNEL_STEPS, "updated_at"],
    )
    done = [int(days[name].sum()) for name in FUNNEL_STEPS]
    per_view = [None if not done[0] else round(100 * count / done[0], 1) for count in done]
    steps = pl.DataFrame({"step": list(FUNNEL_STEPS.values()), "events": done, "per_100_views": per_view})
    until = days["updated_at"].max()
    newest = until if isinstance(until, datetime) else None
    return ProductFunnel(steps if days.height else steps.clear(), newest, table.rows > 0)


@dataclass(frozen=True)
class ProductCompany:
    """What is bought with a product (`others`, most common orders first), and how soon it is bought again (`again`).

    `others`: other_product_id, other_brand, orders_together, confidence, lift. `again`: at most one row, the columns of
    gold/repurchases. `is_computed`: whether both tables were.
    """

    others: pl.DataFrame
    again: pl.DataFrame
    is_computed: bool


def company_of_product(lake: Lake, product_id: int) -> ProductCompany:
    """What is bought with a product, and when again. Refreshed once an hour. Raises LakeError if it can't be read."""
    mine = f"product_id = {int(product_id)}"
    together, again = lake.table(BOUGHT_TOGETHER), lake.table(REPURCHASES)
    others = together.read(mine, ["other_product_id", "other_brand", "orders_together", "confidence", "lift"])
    missing = any(is_not_computed(table, lake, SILVER_PURCHASES) for table in (together, again))
    ranked = others.sort("orders_together", "lift", "other_product_id", descending=[True, True, False])
    return ProductCompany(ranked, again.read(mine), not missing)


def find_products(gold: BatchSnapshot, wanted: str, now: datetime, named: Sequence[int] = ()) -> pl.DataFrame:
    """The 20 products with the most revenue in 30 days that match `wanted`: product_id, brand, revenue, units.

    `named` are products that match by their name.
    """
    since = f"event_date > DATE '{(now - DAYS * DAY).date()}'"
    sales = gold.table(PRODUCT_SALES_DAILY).read(since, ["product_id", "brand", "revenue", "units"])
    search = pl.DataFrame({"wanted": [wanted.strip()]}, schema={"wanted": pl.String()})
    by_name = pl.DataFrame({"product_id": named}, schema={"product_id": pl.Int64()})
    with duckdb_session({"sales": sales, "search": search, "by_name": by_name}) as connection:
        return query(connection, dashboard_sql("found_products"))
