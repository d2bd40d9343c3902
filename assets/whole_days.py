"""Whole days of what visitors do, computed at once from silver in slices, so that a day of any size fits into memory.

A day is computed so when it is new, when its silver was rebuilt, and when the query is another one.
Add here: how slices become a table's rows. Not here: a day that has only grown (`appended_events`).
"""

from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl

from assets.day_index import READ
from assets.gold import gold_queries
from assets.sessions import sessions_of
from assets.slices import slices_of
from assets.sources import day_rows
from assets.tables import FUNNEL_DAILY, SESSIONS, SILVER_EVENTS
from resources.lake import Lake, LakeTable, TableLayout

FUNNEL_KEY = ("event_date", "level", "product_id", "key_category", "key_brand")
"""What names a row of funnel_daily, as `keyed` adds it."""

FUNNEL_TEXTS = ("category_id", "category_code", "brand", "updated_at")
"""What is the largest of a row's events."""

SESSION_COUNTS = tuple(name for name in FUNNEL_DAILY.schema if name.startswith("sessions_"))
REACHED = tuple(name for name in FUNNEL_DAILY.schema if name.startswith(("users_", "sessions_")))
"""Counts of distinct users and visits."""
FUNNEL_COUNTS = tuple(name for name in FUNNEL_DAILY.schema if name not in (*FUNNEL_KEY, *FUNNEL_TEXTS, *SESSION_COUNTS))
"""Counts that add up over slices by user; SESSION_COUNTS do over slices by visit."""


def computed(layout: TableLayout, events: pl.DataFrame) -> pl.DataFrame:
    """The rows of a table that these events amount to, by the query of its name."""
    with gold_queries({"events": events}, window_seconds=1) as compute:
        return compute(layout)


def whole_days(lake: Lake, silver: LakeTable, layout: TableLayout, days: Sequence[date]) -> Iterator[pl.DataFrame]:
    """The table's rows of these days, in frames; of sessions those that begin on them."""
    if layout is SESSIONS:
        return sessions_of(lake, silver, days, READ, lambda events: computed(layout, events))
    if layout is FUNNEL_DAILY:
        return iter((_funnel(lake, silver, days),))
    return _by_user(lake, silver, layout, days)


def _by_user(lake: Lake, silver: LakeTable, layout: TableLayout, days: Sequence[date]) -> Iterator[pl.DataFrame]:
    with slices_of(lake, silver, SILVER_EVENTS.on_days(days), _rows(silver, days), READ, "user_id") as slices:
        for events in slices:
            yield computed(layout, events)


def _funnel(lake: Lake, silver: LakeTable, days: Sequence[date]) -> pl.DataFrame:
    """Users are counted in slices by user, visits in slices by visit: so none is counted twice."""
    where, rows = SILVER_EVENTS.on_days(days), _rows(silver, days)
    found = pl.DataFrame(schema=FUNNEL_DAILY.schema)
    for by, other, others in (("user_id", "user_session", SESSION_COUNTS), ("user_session", "user_id", FUNNEL_COUNTS)):
        with slices_of(lake, silver, where, rows, READ, by) as slices:
            for events in slices:
                part = computed(FUNNEL_DAILY, events.with_columns(pl.lit(None, events.schema[other]).alias(other)))
                found = added_up(
                    pl.concat([found, part.with_columns(pl.lit(0, pl.Int64).alias(name) for name in others)])
                )
    return found


def added_up(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of funnel_daily, one for each key: counts added up, of the texts the largest."""
    counts = (pl.col(name).sum() for name in (*FUNNEL_COUNTS, *SESSION_COUNTS))
    summed = keyed(rows).group_by(FUNNEL_KEY).agg(*counts, *(pl.col(name).max() for name in FUNNEL_TEXTS))
    return summed.select(FUNNEL_DAILY.schema.names())


def keyed(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of funnel_daily with FUNNEL_KEY: at the level of products, brand and category are no part of it."""
    return rows.with_columns(
        key_category=pl.when(level="category").then("category_id"), key_brand=pl.when(level="brand").then("brand")
    )


def _rows(silver: LakeTable, days: Sequence[date]) -> int:
    held = day_rows(silver)
    return sum(held[day][0] for day in days if day in held)
