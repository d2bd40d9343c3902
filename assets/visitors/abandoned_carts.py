"""Abandoned carts: what users put in their carts and left there, from the newest days of silver.

Each refresh computes and replaces the whole table, so the order in which events came does not matter. What still counts
of days before the newest two is kept (`kept_parts`). So a refresh reads these two days, without their views, and what
lies in carts: its cost grows with the running day. An event of an older day costs a read of all days of the rule.
Add here: how the table follows silver. Not here: what counts as abandoned (`abandoned_carts.sql`).
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from assets.progress.kept_parts import kept_part
from assets.progress.source_fingerprints import day_rows, fingerprint, has_changed, has_moved, seen
from assets.tables import ABANDONED_CARTS, SILVER_EVENTS
from assets.tables.queries import definition_of, macros, sql_of, with_macros
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
"""The progress that holds a fingerprint of the rule, and of the query."""

_COUNTING = Path(__file__).with_name("counting_carts.sql")
_READ = ("event_time", "event_type", "product_id", "brand", "price", "user_id", "user_session")


def abandoned(events: pl.DataFrame, now: datetime, rule: CartRule) -> pl.DataFrame:
    """The abandoned items among these carts, removals and purchases; rows as in gold/abandoned_carts."""
    layout, moment = ABANDONED_CARTS, int(now.timestamp() * 1_000_000)
    variables = {"minutes": rule.minutes, "days": rule.days, "now": moment}
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
    """Refresh the table from silver; return the number of its rows. Idempotent."""

    def refresh() -> int:
        table, silver = lake.table(ABANDONED_CARTS), lake.table(SILVER_EVENTS)
        if _has_other_rule(table, rule) or has_moved(table, silver):
            table.replace(prefetched(_abandoned_in(lake, silver, rule)), None, {**seen(silver), RULE: _print(rule)})
        return table.rows

    return again_on_conflict(refresh)


def _abandoned_in(lake: Lake, silver: LakeTable, rule: CartRule) -> Iterator[pl.DataFrame]:
    """The table's rows, in slices by user."""
    now = newest_moment(silver)
    if now is None:
        return
    days = sorted(day for day in day_rows(silver) if day >= (now - timedelta(days=rule.days)).date())
    parts = [_counting(lake, silver, "newest", days[-OPEN_DAYS:])]
    if closed := days[:-OPEN_DAYS]:
        parts.append(_counting(lake, silver, "closed", closed))
    events = pl.concat(parts)
    count = -(-events.height // SLICE)
    for number in range(count):
        yield abandoned(events.filter(pl.col("user_id").hash(7) % count == number), now, rule)


def _counting(lake: Lake, silver: LakeTable, name: str, days: list[date]) -> pl.DataFrame:
    query = with_macros(_COUNTING.read_text())
    return kept_part(lake, silver, f"carts/{name}", days, _READ, counting_carts, query, "event_type <> 'view'")


def counting_carts(events: pl.DataFrame) -> pl.DataFrame:
    """The carts, removals and purchases of some days that may still count."""
    with duckdb_session({"events": events}, macros=macros()) as connection:
        return query(connection, _COUNTING.read_text()).cast({name: SILVER_EVENTS.schema[name] for name in _READ})


def _has_other_rule(table: LakeTable, rule: CartRule) -> bool:
    return (table.progress(RULE) or _print(rule)) != _print(rule)


def _print(rule: CartRule) -> int:
    return fingerprint(f"{rule} {definition_of(ABANDONED_CARTS)}")
