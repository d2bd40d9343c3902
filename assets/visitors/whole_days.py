"""Whole days of what visitors do, computed from silver in slices, so that a day of any size fits into memory.

A day is computed as a whole if it is new, if its silver was rebuilt, if the query changed, or if much of it is new.
Add here: how slices become a table's rows. Not here: a day that has only grown (`appended_events`).
"""

from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl

from assets.gold.measures import gold_queries
from assets.progress.source_fingerprints import day_rows
from assets.tables import FUNNEL_DAILY, SESSIONS, SILVER_EVENTS
from assets.visitors.day_index import READ
from assets.visitors.funnel import added_up, events_counted, first_times
from assets.visitors.sessions import sessions_of
from resources import slices
from resources.lake_table import LakeTable
from resources.slices import slices_of
from resources.table_layout import TableLayout


def computed(layout: TableLayout, events: pl.DataFrame) -> pl.DataFrame:
    """The rows of a table for these events, by the query of its name."""
    with gold_queries({"events": events}, window_seconds=1) as compute:
        return compute(layout)


def whole_days(silver: LakeTable, layout: TableLayout, days: Sequence[date]) -> Iterator[pl.DataFrame]:
    """The table's rows of these days, in frames; for sessions, those that begin on these days."""
    if layout is SESSIONS:
        return sessions_of(silver, days, READ, lambda events: computed(layout, events))
    if layout is FUNNEL_DAILY:
        return iter((_funnel(silver, days),))
    return _by_user(silver, layout, days)


def _by_user(silver: LakeTable, layout: TableLayout, days: Sequence[date]) -> Iterator[pl.DataFrame]:
    with slices_of(silver, SILVER_EVENTS.on_days(days), _rows(silver, days), READ, "user_id") as slices:
        for events in slices:
            yield computed(layout, events)


def _funnel(silver: LakeTable, days: Sequence[date]) -> pl.DataFrame:
    """A large day is read in slices by user, to count users, and again by visit, to count visits: none counts twice."""
    where, rows, columns = SILVER_EVENTS.on_days(days), _rows(silver, days), (*READ, "batch")
    if rows <= slices.READ_AT_ONCE:
        return computed(FUNNEL_DAILY, silver.read(where, READ))
    found = pl.DataFrame(schema=FUNNEL_DAILY.schema)
    with slices_of(silver, where, rows, columns, "user_id") as slices_by_user:
        for events in slices_by_user:
            found = added_up(pl.concat([found, events_counted(events), first_times(events, "users")]))
    with slices_of(silver, where, rows, columns, "user_session") as slices_by_visit:
        for events in slices_by_visit:
            found = added_up(pl.concat([found, first_times(events, "sessions")]))
    return found


def _rows(silver: LakeTable, days: Sequence[date]) -> int:
    held = day_rows(silver)
    return sum(held[day][0] for day in days if day in held)
