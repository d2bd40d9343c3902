"""What sells far less or far more than is usual at its hour of the week: the shop, categories, brands, products.

Add here: how it is found. Not here: when it is looked for, or who is told (`sensors.sales_alarm_sensor`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from assets.gold.product_categories import categories_of_products
from assets.tables import PRODUCT_SALES_DAILY, SILVER_PURCHASES
from resources.lake import Lake

WEEKS = 8
"""What is usual is known from so many earlier weeks, LEAST_WEEKS at least."""

LEAST_WEEKS = 4
LEAST_UNITS = 10
"""Of what usually sells fewer units in the time, nothing can be said."""

LEAST_CHANGE = 0.2
"""A smaller change is no alarm, however sure it is."""

QUARTER_LOOKS = {"hour": 13 * 7 * 24, "day": 13 * 7}
"""So often a quarter each span is looked at."""

LEVELS = ("shop", "category", "brand", "product")
SHOP = "all"

_WEEK = timedelta(weeks=1)
_ANSCOMBE = 3 / 8
_POISSON_VARIANCE = 1 / 4


@dataclass(frozen=True)
class Span:
    """A time that is over, an hour or a UTC day: [start, end)."""

    name: str
    start: datetime
    end: datetime


def last_hour(now: datetime) -> Span:
    """The newest hour that is over."""
    end = now.replace(minute=0, second=0, microsecond=0)
    return Span("hour", end - timedelta(hours=1), end)


def last_day(now: datetime) -> Span:
    """The newest day that is over."""
    end = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Span("day", end - timedelta(days=1), end)


def units_by_week(lake: Lake, span: Span) -> pl.DataFrame:
    """`level`, `name`, `week` (0 now, 1 a week ago, ...) and `units`, of weeks that the lake has from their start.

    A unit is a purchase that is no refund. Raises LakeError if the lake can't be read.
    """
    first = _first_sale(lake)
    weeks = [week for week in range(WEEKS + 1) if week == 0 or (first and span.start - week * _WEEK >= first)]
    read = _of_hour if span.name == "hour" else _of_day
    sold = pl.concat([read(lake, span, week).with_columns(pl.lit(week).alias("week")) for week in weeks])
    named = sold.join(categories_of_products(lake, span.end), on="product_id", how="left")
    levels = {
        "shop": pl.lit(SHOP),
        "category": pl.col("category"),
        "brand": pl.col("brand"),
        "product": pl.col("product_id").cast(pl.String),
    }
    counted = [
        named.select(pl.lit(level).alias("level"), name.alias("name"), "week", "units")
        .drop_nulls("name")
        .group_by("level", "name", "week")
        .agg(pl.col("units").sum())
        for level, name in levels.items()
    ]
    silent = pl.DataFrame({"week": weeks}).select(
        pl.lit("shop").alias("level"), pl.lit(SHOP).alias("name"), "week", pl.lit(0, pl.Int64).alias("units")
    )
    every = pl.concat([*counted, silent.cast({"week": counted[0].schema["week"]})])
    return every.group_by("level", "name", "week").agg(pl.col("units").sum())


def _of_hour(lake: Lake, span: Span, week: int) -> pl.DataFrame:
    start, end = span.start - week * _WEEK, span.end - week * _WEEK
    rows = lake.table(SILVER_PURCHASES).read(
        f"event_date = DATE '{start.date()}' AND event_time >= TIMESTAMP '{start:%Y-%m-%dT%H:%M:%SZ}' "
        f"AND event_time < TIMESTAMP '{end:%Y-%m-%dT%H:%M:%SZ}' AND price >= 0",
        ["product_id", "brand"],
    )
    return rows.group_by("product_id").agg(pl.col("brand").max(), pl.len().cast(pl.Int64).alias("units"))


def _of_day(lake: Lake, span: Span, week: int) -> pl.DataFrame:
    day = (span.start - week * _WEEK).date()
    rows = lake.table(PRODUCT_SALES_DAILY).read(f"event_date = DATE '{day}'", ["product_id", "brand", "units"])
    return rows.group_by("product_id").agg(pl.col("brand").max(), pl.col("units").sum())


def _first_sale(lake: Lake) -> datetime | None:
    files = lake.table(SILVER_PURCHASES).files()
    first = files["min.event_time"].min() if files.height else None
    return first if isinstance(first, datetime) else None


def judged(counts: pl.DataFrame, looks: int) -> pl.DataFrame:
    """Each name of `units_by_week` that can be judged: `level`, `name`, `units`, `usual`, `chance`, `is_unusual`.

    `looks` is how often a quarter this is asked. Units are compared as sqrt(units + 3/8), whose spread hardly
    depends on how many there are: by chance alone its variance is 1/4 (Anscombe 1948, The transformation of Poisson,
    binomial and negative-binomial data).
    What a further week brings then lies within a prediction interval by Student's t: the mean of the earlier weeks,
    and their spread, but never less than chance alone would give. Categories, brands and products are judged by their
    share: a day on which the whole shop sells twice as much is one alarm, not hundreds. Their spread is pooled, or
    their own if that is larger. `chance` is that of a change as large as this, either way; it is unusual if in a
    quarter of looks at all names of the level one false alarm is expected.
    """
    weeks = counts["week"].max()
    if not isinstance(weeks, int) or weeks < LEAST_WEEKS:
        return _NOTHING
    found = [_level(counts.filter(pl.col("level") == level), level, weeks, looks, _growth(counts)) for level in LEVELS]
    return pl.concat(found)


_NOTHING = pl.DataFrame(
    schema={
        **dict.fromkeys(("level", "name"), pl.String()),
        "units": pl.Int64(),
        **dict.fromkeys(("usual", "chance"), pl.Float64()),
        "is_unusual": pl.Boolean(),
    }
)


def _growth(counts: pl.DataFrame) -> float:
    """How much the shop sells now, per what is usual."""
    shop = counts.filter(pl.col("level") == "shop")
    now = shop.filter(pl.col("week") == 0)["units"].to_numpy().sum()
    usual = shop.filter(pl.col("week") > 0)["units"].to_numpy()
    return float((now + 1) / (usual.mean() + 1))


def _level(counts: pl.DataFrame, level: str, weeks: int, looks: int, growth: float) -> pl.DataFrame:
    from scipy.special import stdtr

    wide = counts.pivot("week", index="name", values="units", sort_columns=True).fill_null(0)
    numbers = [str(week) for week in range(weeks + 1)]
    wide = wide.with_columns(pl.lit(0, pl.Int64).alias(name) for name in numbers if name not in wide.columns)
    wide = wide.filter(pl.mean_horizontal(numbers[1:]) >= LEAST_UNITS)
    if wide.is_empty():
        return _NOTHING
    units = wide.select(numbers).to_numpy().astype(float)
    level_now = growth if level != "shop" else 1.0
    usual = units[:, 1:].mean(axis=1) * level_now
    evened = np.sqrt(units + _ANSCOMBE)
    own = evened[:, 1:].var(axis=1, ddof=1)
    is_pooled = level != "shop"
    spread = np.maximum(np.maximum(own, own.mean() if is_pooled else 0.0), _POISSON_VARIANCE)
    degrees = (weeks - 1) * (len(own) if is_pooled else 1)
    expected = np.sqrt(np.maximum(evened[:, 1:].mean(axis=1) ** 2 * level_now, 0))
    distance = np.abs(evened[:, 0] - expected) / np.sqrt(spread * (1 + level_now / weeks))
    chance = 2 * stdtr(degrees, -distance)
    change = np.abs(units[:, 0] / np.maximum(usual, 1e-9) - 1)
    return pl.DataFrame(
        {
            "level": [level] * wide.height,
            "name": wide["name"],
            "units": wide["0"],
            "usual": usual,
            "chance": chance,
            "is_unusual": (chance < 1 / (looks * wide.height)) & (change >= LEAST_CHANGE),
        },
        schema=_NOTHING.schema,
    )
