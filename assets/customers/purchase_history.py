"""What each buyer has bought so far, from customer_days: in two parts, of which that of the days that are over is kept.

So a look costs the newest two days of customer_days, and a row for each buyer.
Add here: how the parts come about. Not here: what is computed from them (`past_value`, `histories`).
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
"""So many of the newest days are read at each look."""

_SQL = Path(__file__).with_name("purchase_history.sql")


def history_of(days: pl.DataFrame) -> pl.DataFrame:
    """One row a buyer, from rows of customer_days: the columns of `purchase_history.sql`."""
    with duckdb_session({"customer_days": days}) as connection:
        return query(connection, _SQL.read_text())


def purchase_history(lake: Lake, days: LakeTable, until: date | None = None) -> pl.DataFrame:
    """The same of customer_days as a whole, or up to a day; two rows for a buyer whose days lie in both parts."""
    held = sorted(day_rows(days))
    closed = [day for day in held[:-OPEN_DAYS] if until is None or day <= until]
    newest = [day for day in held if day not in set(closed) and (until is None or day <= until)]
    read = list(days.layout.schema)
    parts = [history_of(days.read(days.layout.on_days(newest) if newest else "false"))]
    if closed:
        name = f"purchase_history/{'until' if until and until < held[-OPEN_DAYS] else 'all'}"
        parts.append(kept_part(lake, days, name, closed, read, history_of, _SQL.read_text()))
    return pl.concat(parts)
