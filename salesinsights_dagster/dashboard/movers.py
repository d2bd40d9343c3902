"""What sells more, and what sells less than usual at this time of the week: products, brands, categories.

Usual is the mean of the same hours on the same weekdays in the weeks before.
Add here: how movers are found. Not here: when they are computed (`board`), how they look (`pages.live`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from assets.progress.batch_snapshot import BatchSnapshot
from assets.tables.queries import macros
from resources.duckdb_engine import duckdb_session, query
from salesinsights_dagster.dashboard.dashboard_sql import dashboard_sql
from salesinsights_dagster.dashboard.day_curves import quarter_of
from salesinsights_dagster.dashboard.figures import Kept, sales_of
from salesinsights_dagster.dashboard.filters import wanted_sql
from salesinsights_dagster.dashboard.shop_days import days_later
from salesinsights_dagster.dashboard.spans import MINUTE, WEEK, Span, midnight_of
from salesinsights_dagster.dashboard.times import times_of
from salesinsights_dagster.dashboard.view import View

TIMES = 4
"""How many earlier weeks make what is usual. A span that is longer than a week has one earlier time."""

LIMIT = 10
"""How many rise, and how many fall, are told of each kind."""

LEVELS = ("product", "brand", "category")

_SOLD = ["product_id", "brand", "revenue"]


@dataclass(frozen=True)
class Movers:
    """Until `end`: for each of LEVELS the frame of `movers.sql` without `level`, the largest rise first.

    `times` is how many earlier times make what is usual, `step` from one to the next. Without any,
    `why` says so, and the frames have no rows. `zone` is that of the page's clocks. `has_categories` says whether
    categories are computed.
    """

    start: datetime
    end: datetime
    times: int
    step: timedelta
    why: str | None
    zone: ZoneInfo
    levels: Mapping[str, pl.DataFrame]
    has_categories: bool


def end_of_movers(span: Span, now: datetime) -> datetime:
    """Movers of the last hour are of whole minutes; those of days, which cost more, of whole quarters of an hour."""
    return now - (now - midnight_of(now)) % MINUTE if not span.days else quarter_of(now)


def movers(
    gold: BatchSnapshot,
    view: View,
    now: datetime,
    window_seconds: int,
    categories: pl.DataFrame,
    kept: Kept | None = None,
) -> Movers:
    """The movers of a view, of which the span ends now. Earlier times count that the lake has from their start.

    `categories` is `categories_of_products`.
    """
    span, kept, only = view.shown, kept or Kept(), wanted_sql(view, categories)
    times = times_of(view, now, window_seconds)
    start, end = times.start, min(end_of_movers(span, now), times.end) if span.days else end_of_movers(span, now)
    first_sale = kept.curves.first_sale(gold)
    step = -(-max(span.days, 1) // WEEK.days) * WEEK
    agos = [number * step for number in range(1, TIMES + 1 if step == WEEK else 2)]
    earlier = [days_later(start, -ago.days, view.tz) for ago in agos]
    known = [ago for ago, begun in zip(agos, earlier, strict=True) if first_sale is not None and begun >= first_sale]
    if not known or end <= start:
        unknown = f"the lake has no sales of the same time {agos[0].days} days ago"
        why = "it has only just begun" if known else unknown
        return Movers(start, end, 0, step, why, view.tz, dict.fromkeys(LEVELS, _NOTHING), not categories.is_empty())
    sold = pl.concat([_sold(gold, view, only, kept, (start, end), ago) for ago in (timedelta(), *known)])
    frames, numbers = {"sold": sold, "categories": categories}, {"times": len(known), "each": LIMIT}
    with duckdb_session(frames, numbers, macros=macros()) as connection:
        found = query(connection, dashboard_sql("movers"))
    levels = {level: found.filter(pl.col("level") == level).drop("level") for level in LEVELS}
    return Movers(start, end, len(known), step, None, view.tz, levels, not categories.is_empty())


_NOTHING = pl.DataFrame(
    schema={
        "product_id": pl.Int64(),
        **dict.fromkeys(("brand", "category"), pl.String()),
        **dict.fromkeys(("revenue", "usual", "change"), pl.Decimal(18, 2)),
        "per_cent": pl.Float64(),
    }
)


def _sold(
    gold: BatchSnapshot, view: View, only: str | None, kept: Kept, times: tuple[datetime, datetime], ago: timedelta
) -> pl.DataFrame:
    """Revenue by product at these times, or so many days before: _SOLD and `is_now`."""
    start, end = (days_later(moment, -ago.days, view.tz) for moment in times)
    rows = sales_of(gold, view, only, kept, start, end).products(start, end)
    by_product = rows.group_by("product_id").agg(pl.col("brand").max(), pl.col("revenue").sum())
    return by_product.select(*_SOLD, pl.lit(not ago).alias("is_now"))
