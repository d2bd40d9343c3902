"""Abandoned carts: what users put in their carts and left there, and what they bought after all, from silver.

Each refresh computes and replaces both tables, so the order in which events came does not matter. What still counts
of days before the newest two is kept (`kept_parts`). So a refresh reads these two days, without their views, and what
lies in carts: its cost grows with the running day. An event of an older day costs a read of all days of the rule.
Add here: how the table follows silver. Not here: what counts as abandoned or recovered (the `.sql` files beside).
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl

from assets.progress.kept_parts import kept_part
from assets.progress.source_fingerprints import day_rows, fingerprint, has_changed, has_moved, seen
from assets.tables import ABANDONED_CARTS, RECOVERED_CARTS, SILVER_EVENTS
from assets.tables.queries import definition_of, macros, sql_of, with_macros
from assets.tables.table import Table
from assets.visitors.cart_rule import CartRule
from resources.duckdb_engine import duckdb_session, query
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable
from resources.prefetch import prefetched
from resources.slices import SLICE

OPEN_DAYS = 2
"""How many of the newest days each refresh reads."""

RULE = "rule"
"""The progress that holds a fingerprint of the rule, and of the queries."""

_NO_RULE = 1
"""Of cleared tables."""

_COUNTING = Path(__file__).with_name("counting_carts.sql")
_READ = ("event_time", "event_type", "product_id", "brand", "price", "user_id", "user_session")


def found_in(events: pl.DataFrame, layout: Table, now: datetime, rule: CartRule) -> pl.DataFrame:
    """The rows of gold/abandoned_carts or gold/recovered_carts that these carts, removals and purchases give."""
    variables = {"minutes": rule.minutes, "days": rule.days, "now": int(now.timestamp() * 1_000_000)}
    with duckdb_session({"events": events}, variables, macros=macros()) as connection:
        return query(connection, sql_of(layout)).select(layout.schema.names()).cast(layout.schema)


def newest_moment(silver: LakeTable) -> datetime | None:
    """The newest event_time; if a shop's clock ran ahead, when the newest event was read. None if there is no event.

    This is the table's own clock: its rows depend on the events alone.
    """
    files = silver.files()
    if files.is_empty():
        return None
    day = files["partition.event_date"].max()
    last: datetime = files.filter(pl.col("partition.event_date") == day)["max.event_time"].max()  # type: ignore[assignment]
    # Statistics are cut to milliseconds: they choose the files, the rows give the exact time.
    since = f"event_time >= TIMESTAMP '{last - timedelta(seconds=1):%Y-%m-%d %H:%M:%S}'"
    newest = silver.read(f"{since} AND {SILVER_EVENTS.on_days([last.date()])}", ["event_time"])
    moment: datetime = min([newest["event_time"].max(), files["max.ingested_at"].max()])  # type: ignore[type-var, assignment]
    return moment


def carts_are_behind(lake: Lake, rule: CartRule) -> bool:
    """Whether silver or the rule has changed since the table was computed."""
    table = lake.table(ABANDONED_CARTS)
    return _has_other_rule(table, rule) or has_changed(table, lake.table(SILVER_EVENTS))


def refresh_carts(lake: Lake, rule: CartRule) -> int:
    """Refresh both tables from silver; return the rows of abandoned_carts. Idempotent.

    That table comes last, and its progress holds for both.
    """

    def refresh() -> int:
        table, silver = lake.table(ABANDONED_CARTS), lake.table(SILVER_EVENTS)
        if _has_other_rule(table, rule) or has_moved(table, silver):
            now, progress = newest_moment(silver), {**seen(silver), RULE: _print(rule)}
            events = _events(lake, silver, rule, now) if now else None
            for layout, into in ((RECOVERED_CARTS, lake.table(RECOVERED_CARTS)), (ABANDONED_CARTS, table)):
                found = _found(events, layout, now, rule) if now and events is not None else ()
                into.replace(prefetched(found), None, progress)
        return table.rows

    return again_on_conflict(refresh)


def _events(lake: Lake, silver: LakeTable, rule: CartRule, now: datetime) -> pl.DataFrame:
    """The carts, removals and purchases that both tables are computed from."""
    days = sorted(day for day in day_rows(silver) if day >= (now - timedelta(days=rule.days)).date())
    parts = [_counting(lake, silver, rule, "newest", days[-OPEN_DAYS:])]
    if closed := days[:-OPEN_DAYS]:
        parts.append(_counting(lake, silver, rule, "closed", closed))
    return pl.concat(parts)


def _found(events: pl.DataFrame, layout: Table, now: datetime, rule: CartRule) -> Iterator[pl.DataFrame]:
    """A table's rows, in slices by user."""
    count = -(-events.height // SLICE)
    for number in range(count):
        yield found_in(events.filter(pl.col("user_id").hash(7) % count == number), layout, now, rule)


def _counting(lake: Lake, silver: LakeTable, rule: CartRule, name: str, days: list[date]) -> pl.DataFrame:
    compute, query = partial(counting_carts, rule=rule), f"{with_macros(_COUNTING.read_text())} {rule.minutes}"
    return kept_part(lake, silver, f"carts/{name}", days, _READ, compute, query, "event_type <> 'view'")


def counting_carts(events: pl.DataFrame, rule: CartRule) -> pl.DataFrame:
    """The carts, removals and purchases of some days that may still count."""
    with duckdb_session({"events": events}, {"minutes": rule.minutes}, macros=macros()) as connection:
        return query(connection, _COUNTING.read_text()).cast({name: SILVER_EVENTS.schema[name] for name in _READ})


def clear_carts(lake: Lake) -> None:
    """Empty both tables. The next refresh computes them."""

    def clear() -> None:
        for layout in (RECOVERED_CARTS, ABANDONED_CARTS):
            lake.table(layout).replace(pl.DataFrame(schema=layout.schema), None, {RULE: _NO_RULE})

    again_on_conflict(clear)


def _has_other_rule(table: LakeTable, rule: CartRule) -> bool:
    return (table.progress(RULE) or _print(rule)) != _print(rule)


def _print(rule: CartRule) -> int:
    return fingerprint(f"{rule} {definition_of(ABANDONED_CARTS)} {definition_of(RECOVERED_CARTS)}")
