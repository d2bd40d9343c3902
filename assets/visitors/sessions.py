"""Sessions: what a user did without half an hour of silence. They cross midnight, so no day can be computed alone.

Add here: which days have to be computed, and which events they need. Not here: what a session is (`sessions.sql`), or
when the table follows silver (`daily_tables`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

import polars as pl

from assets.progress.source_fingerprints import day_rows
from assets.tables import SILVER_EVENTS
from resources.lake_table import LakeTable
from resources.slices import slices_of

SILENCE = timedelta(minutes=30)
"""As in `sessions.sql`."""

_DAY = timedelta(days=1)

Compute = Callable[[pl.DataFrame], pl.DataFrame]


def touched_days(table: LakeTable, days: Iterable[date]) -> list[date]:
    """The days whose sessions may have changed if events of `days` have. A session belongs to the day it begins on.

    These are `days`; the day after each, whose first sessions may have begun the evening before; and the days on which
    sessions of the table began that reach one of `days`.
    """
    found: set[date] = set()
    for day in days:
        reaching = f"event_date < DATE '{day}' AND ended_at >= TIMESTAMP '{_midnight(day) - SILENCE:%Y-%m-%d %H:%M:%S}'"
        found |= {day, day + _DAY, *table.read(reaching, ["event_date"])["event_date"]}
    return sorted(found)


def sessions_of(
    silver: LakeTable, days: Sequence[date], columns: Sequence[str], compute: Compute
) -> Iterator[pl.DataFrame]:
    """The sessions that begin on these days, in frames; `compute` makes sessions from events.

    Reads these days, the last half hour before them, and the day after each, in slices by user. If a session goes on
    longer, the days after that are read too, for its users alone: so a visitor who never pauses costs no full read.
    """
    rows = {day: count for day, (count, _) in day_rows(silver).items()}
    read = {*days, *(day + _DAY for day in days)} & rows.keys()
    where = _where(read, {day - _DAY for day in days} & rows.keys() - read)
    begun = pl.col("event_date").is_in(sorted(days))
    with slices_of(silver, where, sum(rows[day] for day in read), columns, "user_id") as slices:
        for events in slices:
            yield _followed(silver, events, rows.keys() - read, lambda all_of: compute(all_of).filter(begun))


def _followed(silver: LakeTable, events: pl.DataFrame, unread: set[date], compute: Compute) -> pl.DataFrame:
    """The sessions of these events, continued on the days after those that were read."""
    found, left = compute(events), set(unread)
    while more := days_after(found) & left:
        going_on = found.filter((pl.col("ended_at") + SILENCE).dt.date().is_in(sorted(more)))
        theirs = pl.col("user_id").is_in(going_on["user_id"].unique().implode())
        listed = ", ".join(map(str, going_on["user_id"].unique()))
        further = silver.read(f"{SILVER_EVENTS.on_days(more)} AND user_id IN ({listed})", events.columns)
        events = pl.concat([events.filter(theirs), further])
        found = pl.concat([found.filter(~theirs), compute(events)])
        left -= more
    return found


def _where(whole: set[date], evenings: set[date]) -> str:
    late = [f"(event_date = DATE '{day}' AND event_time >= TIMESTAMP '{day} 23:30:00')" for day in sorted(evenings)]
    conditions = [*([SILVER_EVENTS.on_days(whole)] if whole else []), *late]
    return " OR ".join(conditions) or "false"


def days_after(found: pl.DataFrame) -> set[date]:
    """The days on which these sessions may go on."""
    return set((found["ended_at"] + SILENCE).dt.date().unique())


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)
