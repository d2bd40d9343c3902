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

    Reads these days, the last half hour before them, and the days after them; where sessions go on for longer, also
    what their users did on as many days more, so that a visitor who never pauses costs a look at these days alone.
    """
    held = set(silver.files()["partition.event_date"]) if silver.files().height else set()
    read = {*days, *(day + _DAY for day in days)} & held
    events = _read(silver, read, {day - _DAY for day in days} & held - read, columns)
    begun = pl.col("event_date").is_in(sorted(days))
    found = compute(events).filter(begun)
    while more := _days_after(found) & held - read:
        going_on = found.filter((pl.col("ended_at") + SILENCE).dt.date().is_in(sorted(more)))
        theirs = pl.col("user_id").is_in(going_on["user_id"].unique().implode())
        listed = ", ".join(map(str, going_on["user_id"].unique()))
        further = silver.read(f"{SILVER_EVENTS.on_days(more)} AND user_id IN ({listed})", columns)
        events = pl.concat([events.filter(theirs), further])
        found = pl.concat([found.filter(~theirs), compute(events).filter(begun)])
        read |= more
    return found


def _read(silver: LakeTable, whole: set[date], evenings: set[date], columns: Sequence[str]) -> pl.DataFrame:
    late = [f"(event_date = DATE '{day}' AND event_time >= TIMESTAMP '{day} 23:30:00')" for day in sorted(evenings)]
    conditions = [*([SILVER_EVENTS.on_days(whole)] if whole else []), *late]
    return silver.read(" OR ".join(conditions) or "false", columns)


def _days_after(found: pl.DataFrame) -> set[date]:
    """The days on which these sessions may go on."""
    return set((found["ended_at"] + SILENCE).dt.date().unique())


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)
