"""What each buyer has bought so far, from customer_days, in two parts; the part of the older days is kept.

So a refresh reads the newest two days of customer_days, and one row per buyer.
Add here: how the parts are made. Not here: what is computed from them (`past_value`, `histories`).
"""

from datetime import date
from pathlib import Path

import polars as pl

from assets.progress.kept_parts import kept_part
from assets.progress.source_fingerprints import day_rows
from resources.duckdb_engine import duckdb_session, query
from resources.lake import Lake
from resources.lake_table import LakeTable

OPEN_DAYS = 2
"""How many of the newest days each refresh reads."""

_SQL = Path(__file__).with_name("purchase_history.sql")


def history_of(days: pl.DataFrame) -> pl.DataFrame:
    """One row per buyer, from rows of customer_days: the columns of `purchase_history.sql`."""
    with duckdb_session({"customer_days": days}) as connection:
        return query(connection, _SQL.read_text())


def purchase_history(lake: Lake, days: LakeTable, until: date | None = None) -> pl.DataFrame:
    """The history in all of customer_days, or up to the day `until`; two rows for a buyer with days in both parts."""
    held = sorted(day_rows(days))
    closed = [day for day in held[:-OPEN_DAYS] if until is None or day <= until]
    newest = [day for day in held if day not in set(closed) and (until is None or day <= until)]
    read = list(days.layout.schema)
    parts = [history_of(days.read(days.layout.on_days(newest) if newest else "false"))]
    if closed:
        name = f"purchase_history/{'until' if until and until < held[-OPEN_DAYS] else 'all'}"
        parts.append(kept_part(lake, days, name, closed, read, history_of, _SQL.read_text()))
    return pl.concat(parts)
