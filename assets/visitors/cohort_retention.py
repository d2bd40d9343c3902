"""Cohorts: who came back month by month, from user_days.

What users did before the newest two days is kept, month by month (`kept_parts`). So a refresh reads two days, and one
row per user and month with a visit; an older day that changed costs its month.
Add here: how the table follows user_days. Not here: what a cohort is (`cohort_retention.sql`).
"""

from collections.abc import Iterator
from datetime import date
from itertools import groupby
from pathlib import Path

import polars as pl

from assets.gold.measures import gold_queries
from assets.progress.kept_parts import kept_part
from assets.progress.source_fingerprints import day_rows, fingerprint, has_changed, has_moved, seen
from assets.tables import COHORT_RETENTION, USER_DAYS
from assets.tables.queries import definition_of
from resources.duckdb_engine import duckdb_session, query
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable

OPEN_DAYS = 2
"""How many of the newest days each refresh reads."""

QUERY = "query"
"""The progress that holds a fingerprint of the queries."""

_READ = ("user_id", "views", "carts", "purchases", "revenue", "event_date")
_MONTHS = Path(__file__).with_name("user_months.sql")


def cohorts_are_behind(lake: Lake) -> bool:
    """Whether user_days or the query has changed since the table was computed."""
    table = lake.table(COHORT_RETENTION)
    return _has_other_query(table) or has_changed(table, lake.table(USER_DAYS))


def refresh_cohorts(lake: Lake) -> int:
    """Refresh the table from user_days; return the number of its rows. Idempotent."""

    def refresh() -> int:
        table, days = lake.table(COHORT_RETENTION), lake.table(USER_DAYS)
        if _has_other_query(table) or has_moved(table, days):
            with gold_queries({"user_months": pl.concat(_user_months(lake, days))}, window_seconds=1) as compute:
                table.replace(compute(COHORT_RETENTION), None, {**seen(days), QUERY: _query()})
        return table.rows

    return again_on_conflict(refresh)


def _user_months(lake: Lake, days: LakeTable) -> Iterator[pl.DataFrame]:
    """What users did in each month; a month that holds newest days comes in two parts."""
    held = sorted(day_rows(days))
    for month, closed in groupby(held[:-OPEN_DAYS], key=_month):
        yield kept_part(lake, days, f"user_months/{month}", list(closed), _READ, user_months, _MONTHS.read_text())
    yield user_months(days.read(days.layout.on_days(held[-OPEN_DAYS:]) if held else "false", _READ))


def user_months(days: pl.DataFrame) -> pl.DataFrame:
    """What each user did in each month, from rows of user_days."""
    with duckdb_session({"user_days": days}) as connection:
        return query(connection, _MONTHS.read_text())


def _has_other_query(table: LakeTable) -> bool:
    return table.rows > 0 and table.progress(QUERY) != _query()


def _query() -> int:
    return fingerprint(f"{definition_of(COHORT_RETENTION)} {_MONTHS.read_text()}")


def _month(day: date) -> str:
    return f"{day:%Y%m}"
