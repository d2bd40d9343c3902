"""Which rows of a gold table a batch touches, as a predicate for Delta Lake's replace.

The predicate is literal and narrow: file statistics rule out most files, and a writer of other rows of the day causes
no conflict. It may match more rows than the batch touches; those are rewritten unchanged.
Add here: how the rows of a table are selected in SQL. Not here: their new values (`gold`).
"""

from collections.abc import Callable, Mapping
from datetime import date

import polars as pl

from assets.silver.spans import literal
from assets.tables import CUSTOMER_DAYS, PRODUCT_SALES
from resources.lake_table import LakeTable

MOST_TERMS = 200
"""The most terms in a predicate (a run of windows, lone rows, or 100 buyers); with more, whole days are replaced."""

LONE_ROWS = 20
"""A window with fewer touched rows is taken to have late events only: the predicate lists its rows, not the window."""

_BUYERS_A_TERM = 100


def where_touched(table: LakeTable, touched: pl.DataFrame) -> str:
    """A predicate that matches the touched rows; `touched` has the table's key columns."""
    name_rows = _BY_ROWS.get(table.layout.name)
    days = {day: rows for (day,), rows in touched.partition_by("event_date", as_dict=True).items()}
    held = set(table.days)
    terms = {day: name_rows(rows) for day, rows in days.items() if name_rows and day in held}
    if sum(map(len, terms.values())) > MOST_TERMS:
        terms = {}
    whole = [table.layout.on_days(days.keys() - terms.keys())] if days.keys() - terms.keys() else []
    return " OR ".join([*whole, *(_on(day, some) for day, some in sorted(terms.items()))])


def _on(day: date, terms: list[str]) -> str:
    return f"(event_date = DATE '{day}' AND ({' OR '.join(terms)}))"


def _windows(touched: pl.DataFrame) -> list[str]:
    """Runs of windows with many touched rows, and single rows of the other windows."""
    counted = touched.group_by("window_start", "window_end").agg(pl.len(), pl.col("product_id")).sort("window_start")
    many = counted.filter(pl.col("len") >= LONE_ROWS)
    begins = (pl.col("window_start") != pl.col("window_end").shift(1)).fill_null(value=True)
    runs = many.group_by(begins.cum_sum().alias("_run")).agg(pl.col("window_start").min(), pl.col("window_end").max())
    single = counted.filter(pl.col("len") < LONE_ROWS).select("window_start", "product_id").iter_rows()
    return [
        *(
            f"(window_start >= {literal(first)} AND window_start < {literal(end)})"
            for first, end in runs.select("window_start", "window_end").sort("window_start").iter_rows()
        ),
        *(f"(window_start = {literal(start)} AND product_id IN ({_listed(products)}))" for start, products in single),
    ]


def _buyers(touched: pl.DataFrame) -> list[str]:
    users = touched["user_id"].unique().sort()
    return [f"user_id IN ({_listed(some)})" for some in _cut(users, _BUYERS_A_TERM)]


def _cut(values: pl.Series, size: int) -> list[list[int]]:
    return [values.slice(start, size).to_list() for start in range(0, values.len(), size)]


def _listed(values: list[int]) -> str:
    return ", ".join(map(str, sorted(values)))


_BY_ROWS: Mapping[str, Callable[[pl.DataFrame], list[str]]] = {
    PRODUCT_SALES.name: _windows,
    CUSTOMER_DAYS.name: _buyers,
}
"""How the rows of a table are selected. A table that is not here has few rows per day, so the whole day is replaced."""
