"""Abandoned carts: what users put in their carts and left there, of the newest days of silver.

Computed anew as a whole from the carts, removals and purchases of those days: so it does not matter in which order they
came, and it costs the same whatever the history.
Add here: how the table follows silver. Not here: what counts as abandoned (`abandoned_carts.sql`).
"""

from datetime import datetime, timedelta

import polars as pl

from assets.customers.options import CartRule
from assets.measures import sql_of
from assets.sources import has_changed, has_moved, hash_of, seen
from assets.tables import ABANDONED_CARTS, SILVER_EVENTS
from resources.duckdb_engine import duckdb_session, query
from resources.lake import Lake, LakeTable, again_on_conflict

RULE = "rule"
"""The name under which a commit holds a hash of the rule it went by."""

_READ = ("event_time", "event_type", "product_id", "brand", "price", "user_id", "user_session")


def abandoned(events: pl.DataFrame, now: datetime, rule: CartRule) -> pl.DataFrame:
    """The abandoned items among these carts, removals and purchases; rows as in gold/abandoned_carts."""
    layout, variables = ABANDONED_CARTS, {"minutes": rule.minutes, "now": int(now.timestamp() * 1_000_000)}
    with duckdb_session({"events": events}, variables) as connection:
        return query(connection, sql_of(layout)).select(layout.schema.names()).cast(layout.schema)


def newest_moment(silver: LakeTable) -> datetime | None:
    """The newest event_time, or when the newest event was read where a shop's clock ran ahead; None of no event.

    It is the tables' own clock: what they say depends on the events alone.
    """
    files = silver.files()
    if files.is_empty():
        return None
    newest = silver.read(SILVER_EVENTS.on_days([max(files["partition.event_date"])]), ["event_time"])
    moment: datetime = min([newest["event_time"].max(), files["max.ingested_at"].max()])  # type: ignore[type-var, assignment]
    return moment


def carts_are_behind(lake: Lake, rule: CartRule) -> bool:
    """Whether silver has changed, or the rule, since the table was computed."""
    table = lake.table(ABANDONED_CARTS)
    return _has_other_rule(table, rule) or has_changed(table, lake.table(SILVER_EVENTS))


def refresh_carts(lake: Lake, rule: CartRule) -> int:
    """Bring the table to silver; the number of its rows. A replay changes nothing."""

    def refresh() -> int:
        table, silver = lake.table(ABANDONED_CARTS), lake.table(SILVER_EVENTS)
        if _has_other_rule(table, rule) or has_moved(table, silver):
            table.replace(_abandoned_in(silver, rule), None, {**seen(silver), RULE: _print(rule)})
        return table.rows

    return again_on_conflict(refresh)


def _abandoned_in(silver: LakeTable, rule: CartRule) -> pl.DataFrame:
    now = newest_moment(silver)
    if now is None:
        return pl.DataFrame(schema=ABANDONED_CARTS.schema)
    recent = f"event_date > DATE '{now.date() - timedelta(days=rule.days)}'"
    return abandoned(silver.read(f"event_type <> 'view' AND {recent}", _READ), now, rule)


def _has_other_rule(table: LakeTable, rule: CartRule) -> bool:
    return (table.progress(RULE) or _print(rule)) != _print(rule)


def _print(rule: CartRule) -> int:
    return hash_of(f"{rule} {sql_of(ABANDONED_CARTS)}")
