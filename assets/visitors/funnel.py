"""The funnel in parts that add up: counts of events always do, counts of users and visits if none is in two parts.

Add here: how parts are counted and added up. Not here: what the table says (`funnel_daily.sql`), or which events
make a part (`whole_days`, `appended_events`).
"""

from typing import Literal

import polars as pl

from assets.gold.measures import gold_queries
from assets.tables import FUNNEL_DAILY

_KEY = ("event_date", "level", "product_id", "key_category", "key_brand")
_LARGEST = ("category_id", "category_code", "brand", "updated_at")
_COUNTS = tuple(name for name in FUNNEL_DAILY.schema if name not in (*_KEY, *_LARGEST))
_LEVELS = {"all": None, "category": "category_id", "brand": "brand", "product": "product_id"}
_STEPS = {"viewing": "view", "carting": "cart", "buying": "purchase"}

Who = Literal["users", "sessions"]
_COLUMN = {"users": "user_id", "sessions": "user_session"}


def events_counted(events: pl.DataFrame) -> pl.DataFrame:
    """Rows of funnel_daily that count events alone, by the query: the counts of users and visits are 0."""
    nobody = [pl.lit(None, events.schema[name]).alias(name) for name in _COLUMN.values()]
    with gold_queries({"events": events.with_columns(nobody)}, window_seconds=1) as compute:
        return compute(FUNNEL_DAILY)


def first_times(events: pl.DataFrame, who: Who, after: int = -1) -> pl.DataFrame:
    """Rows of funnel_daily that count the users, or visits, that reached a step for the first time after a batch.

    Other counts are 0; columns that are not in a row's key are null. A return reaches no step. Reads event_type, price,
    event_date, batch, the key columns, and the column of `who`.
    """
    is_return = (pl.col("event_type") == "purchase") & (pl.col("price") < 0)
    known = events.filter(pl.col(_COLUMN[who]).is_not_null() & ~is_return)
    return pl.concat(_first_times(known, level, column, who, after) for level, column in _LEVELS.items())


def _first_times(events: pl.DataFrame, level: str, column: str | None, who: Who, after: int) -> pl.DataFrame:
    key = [name for name in ("event_date", column) if name]
    steps = events.group_by([*key, _COLUMN[who], "event_type"]).agg(pl.col("batch").min())
    reached = {f"{who}_{step}": (pl.col("event_type") == kind).sum() for step, kind in _STEPS.items()}
    found = steps.filter(pl.col("batch") > after).group_by(key).agg(**reached).with_columns(level=pl.lit(level))
    others = [name for name in FUNNEL_DAILY.schema if name not in found.columns]
    missing = [pl.lit(0 if name in _COUNTS else None, FUNNEL_DAILY.schema[name]).alias(name) for name in others]
    return found.with_columns(missing).select(FUNNEL_DAILY.schema.names()).cast(FUNNEL_DAILY.schema)


def added_up(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of funnel_daily, one per key: counts are added up; of the other columns the largest value is kept.

    At the product level, brand and category are not part of the key.
    """
    keys = {f"key_{name}": pl.when(level=name).then(_LEVELS[name]) for name in ("category", "brand")}
    summed = rows.with_columns(**keys).group_by(_KEY).agg(pl.col(_COUNTS).sum(), pl.col(_LARGEST).max())
    return summed.select(FUNNEL_DAILY.schema.names())
