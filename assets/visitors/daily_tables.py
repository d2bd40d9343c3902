"""What visitors do, day by day: tables computed from all events of a day, apart from the path of the sales.

A day that has only grown takes in the new events (`appended_events`). A day whose silver was rebuilt is computed as a
whole (`whole_days`), many of them in tasks of an engine (`days_apart`). Commits of the table say what each day shows.
Add here: how these tables follow silver. Not here: what they say (the `.sql` files of their names).
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import polars as pl

from assets.progress.source_fingerprints import SourceFingerprints, day_rows, once_more
from assets.tables import SESSIONS, SILVER_EVENTS, VISITOR_TABLES
from assets.tables.queries import definition_of
from assets.visitors.appended_events import INDEXED_DAYS, growth_of, shown, step_progress, take_in, unsettled
from assets.visitors.day_index import drop_indexes
from assets.visitors.days_apart import compute_in_tasks
from assets.visitors.sessions import touched_days
from assets.visitors.whole_days import whole_days
from resources.engine import Engine, worth
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable
from resources.prefetch import prefetched
from resources.slices import slices_of
from resources.superseding import SUPERSEDED_FROM, Superseding
from resources.table_layout import TableLayout

COMMITTED_DAYS = 7
"""How many days computed as a whole share a commit: a kill loses no more than these."""

ENGINE_DAYS = 31
"""How many days that are computed in tasks share a commit."""

SETTLED_ON = "settled_on"
"""The progress that holds silver's newest day when the table's closed days were last settled."""


def stale_days(lake: Lake, layout: TableLayout) -> list[date]:
    """The days of the table that do not show silver's current rows."""
    return _followed(lake.table(layout), lake.table(SILVER_EVENTS)).stale


def refresh_days(
    lake: Lake, layout: TableLayout, days: Iterable[date] | None = None, engine: Engine | None = None
) -> Iterator[list[date]]:
    """Refresh a table's stale days from silver, or compute the given `days` as a whole; yield days once committed.

    Days that have only grown cost only their new events. Idempotent. A day that silver no longer holds is emptied. At
    the end, closed days are settled (once a day) and the indexes of old days are dropped. Stale days that are computed
    as a whole are computed in tasks of the `engine`, if they are worth its start.
    """
    if engine and days is None:
        yield from _in_tasks(lake, layout, engine)
    wanted = sorted(stale_days(lake, layout) if days is None else days)
    for start in range(0, len(wanted), COMMITTED_DAYS):
        some = wanted[start : start + COMMITTED_DAYS]
        again_on_conflict(lambda: _bring(lake, layout, some, are_all_whole=days is not None))  # noqa: B023
        yield some
    again_on_conflict(lambda: settle(lake, layout))
    newest = max(day_rows(lake.table(SILVER_EVENTS)), default=None)
    drop_indexes(lake, newest and newest - timedelta(days=INDEXED_DAYS - 1))


def _in_tasks(lake: Lake, layout: TableLayout, engine: Engine) -> Iterator[list[date]]:
    """Compute stale days as a whole, ENGINE_DAYS a commit, as long as they are worth it."""
    while done := again_on_conflict(lambda: _bring_in_tasks(lake, layout, engine)):
        yield done


def _bring_in_tasks(lake: Lake, layout: TableLayout, engine: Engine) -> list[date]:
    table, silver = lake.table(layout), lake.table(SILVER_EVENTS)
    followed, held = _followed(table, silver), day_rows(silver)
    # The oldest first, since progress by day is kept for the newest days.
    stale = followed.stale if worth(engine, sum(held[day][0] for day in followed.stale if day in held)) else []
    whole = [day for day in stale if growth_of(table, silver, day, followed.query) is None][:ENGINE_DAYS]
    if not worth(engine, sum(held[day][0] for day in whole if day in held)):
        return []
    touched, progress = _as_a_whole(table, silver, followed, whole)
    compute_in_tasks(engine, lake, table, silver, touched, progress)
    return whole


def is_stale(lake: Lake, layout: TableLayout) -> bool:
    """Whether the table has a stale day."""
    return bool(stale_days(lake, layout))


def any_stale(lake: Lake) -> bool:
    """Whether any of VISITOR_TABLES has a stale day."""
    return any(is_stale(lake, layout) for layout in VISITOR_TABLES)


def settle(lake: Lake, layout: TableLayout) -> None:
    """Remove superseded rows from the days before silver's newest one. Changes no row that counts.

    Reads and writes a whole day, so it is done once a day.
    """
    table = lake.table(layout)
    newest = max(day_rows(lake.table(SILVER_EVENTS)), default=None)
    if layout.superseding is None or newest is None or table.superseded_from is None:
        return
    if table.progress(SETTLED_ON) == newest.toordinal():
        return
    held = [day for day in day_rows(table) if day >= table.superseded_from]
    open_days = [day for day in held if table.progress(unsettled(day)) == day.toordinal()]
    for day in open_days:
        if day < newest:
            _settle_day(table, day)
    left = [day.toordinal() for day in open_days if day >= newest]
    progress = {SUPERSEDED_FROM: min(left, default=0), SETTLED_ON: newest.toordinal()}
    table.append(pl.DataFrame(schema=layout.schema), progress)


def _settle_day(table: LakeTable, day: date) -> None:
    """All is read before the write begins: Delta Lake can't look into a table's log during a write, and would wait."""
    where, rows = table.layout.on_days([day]), day_rows(table)[day][0]
    superseding = table.layout.superseding or Superseding((), ())
    with slices_of(table, where, rows, table.layout.schema.names(), "user_id") as slices:
        table.replace(map(superseding.alive, slices), where, {unsettled(day): 0})


def _bring(lake: Lake, layout: TableLayout, days: list[date], *, are_all_whole: bool) -> None:
    """Load the table before silver: otherwise this could replace what another run computed from newer rows."""
    table, silver = lake.table(layout), lake.table(SILVER_EVENTS)
    followed, query = _followed(table, silver), definition_of(layout)
    late = days if are_all_whole else [day for day in days if day in followed.stale]
    grown = {} if are_all_whole else {day: growth_of(table, silver, day, query) for day in late}
    whole = [day for day in late if grown.get(day) is None]
    if whole:
        touched, progress = _as_a_whole(table, silver, followed, whole)
        table.replace(prefetched(whole_days(silver, layout, touched)), layout.on_days(touched), progress)
    done = list(whole)
    for day, growth in grown.items():
        while growth:
            is_last = growth.rows == day_rows(silver)[day][0]
            done += [day] * is_last
            progress = followed.shown(done) if is_last else {}
            take_in(lake, table, silver, growth, {**progress, **step_progress(silver, growth, query)})
            growth = None if is_last else growth_of(table, silver, day, query)


def _as_a_whole(
    table: LakeTable, silver: LakeTable, followed: SourceFingerprints, days: list[date]
) -> tuple[list[date], dict[str, int]]:
    """The days whose rows are replaced if these are computed as a whole, and the progress of that commit."""
    touched = touched_days(table, days) if table.layout is SESSIONS else days
    settled = {unsettled(day): 0 for day in touched}
    return touched, {**followed.shown(days), **shown(silver, days, followed.query), **settled, **once_more(table)}


def _followed(table: LakeTable, silver: LakeTable) -> SourceFingerprints:
    return SourceFingerprints(table, silver, definition_of(table.layout))
