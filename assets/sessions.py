"""Sessions: what a user did without half an hour of silence. They cross midnight, so that a day is not computed alone.

Add here: which days have to be computed, and which events they need. Not here: what a session is (`sessions.sql`), or
when the table follows silver (`behaviour`).
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta

import polars as pl

from assets.tables import SILVER_EVENTS
from resources.lake import LakeTable

SILENCE = timedelta(minutes=30)
"""As in `sessions.sql`."""

_DAY = timedelta(days=1)

Compute = Callable[[pl.DataFrame], pl.DataFrame]


def touched_days(table: LakeTable, days: Iterable[date]) -> list[date]:
    """The days of whose starts sessions may be others, where events of these `days` are others.

    Those days; the day after each, whose first sessions may have begun the evening before; and the days on which
    sessions of the table began that reach one of them.
    """
    found: set[date] = set()
    for day in days:
        reaching = f"event_date < DATE '{day}' AND ended_at >= TIMESTAMP '{_midnight(day) - SILENCE:%Y-%m-%d %H:%M:%S}'"
        found |= {day, day + _DAY, *table.read(reaching, ["event_date"])["event_date"]}
    return sorted(found)


def sessions_of(silver: LakeTable, days: Sequence[date], columns: Sequence[str], compute: Compute) -> pl.DataFrame:
    """The sessions that begin on these days; `compute` makes sessions of whole events.

    Reads these days, the last half hour before them, and as many days after them as sessions go on.
    """
    held = set(silver.files()["partition.event_date"]) if silver.files().height else set()
    after = {day + _DAY for day in days} & held
    while True:
        whole = {*days, *after} & held
        events = _read(silver, whole, {day - _DAY for day in days} & held - whole, columns)
        found = compute(events).filter(pl.col("event_date").is_in(sorted(days)))
        more = _unfinished(found, whole) & held
        if not more:
            return found
        after |= more


def _read(silver: LakeTable, whole: set[date], evenings: set[date], columns: Sequence[str]) -> pl.DataFrame:
    late = [f"(event_date = DATE '{day}' AND event_time >= TIMESTAMP '{day} 23:30:00')" for day in sorted(evenings)]
    conditions = [*([SILVER_EVENTS.on_days(whole)] if whole else []), *late]
    return silver.read(" OR ".join(conditions) or "false", columns)


def _unfinished(found: pl.DataFrame, whole: set[date]) -> set[date]:
    """The days that were not read, and on which a session that was found may go on."""
    last = (found["ended_at"] + SILENCE).dt.date().unique()
    return set(last) - whole


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)
