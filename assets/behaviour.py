"""What visitors do, day by day: tables that are computed from all events of a day, beside the path of the sales.

A day is computed anew when silver's rows of it are others than those it was computed from, whoever brought them: a
batch, an archive, a rebuild or a forgotten user. The table's own commits hold a fingerprint of what each day is from.
Add here: how such a table follows silver. Not here: what it says (the `.sql` file of its name).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import polars as pl

from assets.measures import gold_queries, sql_of
from assets.sessions import sessions_of, touched_days
from assets.sources import day_contents, hash_of
from assets.tables import BEHAVIOUR, SESSIONS, SILVER_EVENTS
from resources.lake import Lake, LakeTable, TableLayout, again_on_conflict

COMMITTED_DAYS = 7
"""Days of one commit: what bounds the memory, and what a kill costs."""

_READ = (
    *("event_time", "event_type", "product_id", "category_id", "category_code", "brand"),
    *("price", "user_id", "user_session", "ingested_at", "event_date"),
)


def stale_days(lake: Lake, layout: TableLayout) -> list[date]:
    """The days of which the table does not say what silver's rows amount to."""
    return _stale(lake.table(layout), lake.table(SILVER_EVENTS))


def follow_silver(lake: Lake, layout: TableLayout, days: Iterable[date] | None = None) -> Iterator[list[date]]:
    """Compute the stale days of a table anew, or these days, and yield them as they are committed.

    A replay finds nothing to do. A day that silver holds no more is emptied.
    """
    wanted = sorted(stale_days(lake, layout) if days is None else days)
    for start in range(0, len(wanted), COMMITTED_DAYS):
        some = wanted[start : start + COMMITTED_DAYS]
        again_on_conflict(lambda: _compute(lake, layout, some))  # noqa: B023
        yield some


def is_stale(lake: Lake, layout: TableLayout) -> bool:
    """Whether the table has to be computed anew for some day."""
    return bool(stale_days(lake, layout))


def any_stale(lake: Lake) -> bool:
    """Whether one of these tables has to be computed anew for some day."""
    return any(is_stale(lake, layout) for layout in BEHAVIOUR)


def _compute(lake: Lake, layout: TableLayout, days: Sequence[date]) -> None:
    """The table's handle comes before silver's: what another run has computed of newer rows is not replaced."""
    table, silver = lake.table(layout), lake.table(SILVER_EVENTS)
    prints = _fingerprints(silver, layout)
    progress = {_name(day): prints.get(day, 0) for day in days}
    if layout is SESSIONS:
        touched = touched_days(table, days)
        rows = sessions_of(silver, touched, _READ, lambda events: _computed(layout, events))
        table.replace(rows, layout.on_days(touched), progress)
    else:
        rows = _computed(layout, silver.read(SILVER_EVENTS.on_days(days), _READ))
        table.replace(rows, layout.on_days(days), progress)


def _computed(layout: TableLayout, events: pl.DataFrame) -> pl.DataFrame:
    with gold_queries({"events": events}, window_seconds=1) as compute:
        return compute(layout)


def _stale(table: LakeTable, silver: LakeTable) -> list[date]:
    prints = _fingerprints(silver, table.layout)
    held = set(table.files()["partition.event_date"]) if table.files().height else set()
    return [day for day in sorted(held | prints.keys()) if table.progress(_name(day)) != prints.get(day, 0)]


def _name(day: date) -> str:
    return f"day/{day:%Y%m%d}"


def _fingerprints(silver: LakeTable, layout: TableLayout) -> dict[date, int]:
    """Per day that silver holds: a number of 62 bits that is another one where its rows, or the query, are others."""
    query = sql_of(layout)
    return {day: hash_of(f"{content} {query}") for day, content in day_contents(silver).items()}
