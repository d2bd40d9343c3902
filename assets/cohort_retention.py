"""Cohorts: who came back month by month, computed anew as a whole from user_days.

Add here: how the table follows user_days. Not here: what a cohort is (`cohort_retention.sql`).
"""

from assets.measures import gold_queries
from assets.sources import has_changed, has_moved, seen
from assets.tables import COHORT_RETENTION, USER_DAYS
from resources.lake import Lake, again_on_conflict

_READ = ("user_id", "views", "carts", "purchases", "revenue", "event_date")


def cohorts_are_behind(lake: Lake) -> bool:
    """Whether user_days has changed since the table was computed."""
    return has_changed(lake.table(COHORT_RETENTION), lake.table(USER_DAYS))


def refresh_cohorts(lake: Lake) -> int:
    """Bring the table to user_days; the number of its rows. A replay changes nothing."""

    def refresh() -> int:
        table, days = lake.table(COHORT_RETENTION), lake.table(USER_DAYS)
        if has_moved(table, days):
            with gold_queries({"user_days": days.read(columns=_READ)}, window_seconds=1) as compute:
                table.replace(compute(COHORT_RETENTION), None, seen(days))
        return table.rows

    return again_on_conflict(refresh)
