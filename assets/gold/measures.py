"""Computes the measures of gold's daily tables by the `.sql` files, and adds them up.

A buyer and an order belong to one user, so the measures of disjoint sets of users add up, even distinct counts. So a
batch reads only its own buyers, and a large day is computed in pieces.

Add here: how measures are computed or added. Not here: what one means (the `.sql` files), how gold follows (`gold`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import polars as pl

from assets.tables.queries import macros, sql_of
from resources.duckdb_engine import duckdb_session, query
from resources.table_layout import TableLayout

PIECE_ROWS = 400_000
"""About how many purchases are measured at once; this limits the memory."""

_SUMS = ("units", "orders", "buyers", "revenue", "refunds")
_FIRST = ("first_order_at",)


@contextmanager
def gold_queries(
    source: Mapping[str, pl.DataFrame], window_seconds: int
) -> Iterator[Callable[[TableLayout], pl.DataFrame]]:
    """A function that computes a gold table from `source`: frames by their names in the queries."""
    with duckdb_session(source, {"window_seconds": window_seconds}, macros=macros()) as connection:
        yield lambda layout: query(connection, sql_of(layout)).select(layout.schema.names()).cast(layout.schema)


def measured(purchases: pl.DataFrame, layouts: Iterable[TableLayout], window_seconds: int) -> dict[str, pl.DataFrame]:
    """The measures of these purchases, by table; computed for pieces of users, then added up."""
    layouts, found = list(layouts), dict[str, list[pl.DataFrame]]()
    for piece in pieces(purchases):
        with gold_queries({"purchases": piece}, window_seconds) as compute:
            for layout in layouts:
                found.setdefault(layout.name, []).append(compute(layout))
    return {layout.name: added(layout, found[layout.name]) for layout in layouts}


def pieces(purchases: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The purchases split by users, about PIECE_ROWS per piece; one piece if there are few."""
    count = 1 + purchases.height // PIECE_ROWS
    for piece in range(count):
        yield purchases if count == 1 else purchases.filter(pl.col("user_id").hash(7) % count == piece)


def added(layout: TableLayout, parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """One row per key: sums over the parts, the latest time (earliest for first_order_at), the greatest brand."""
    parts, keys = list(parts), layout.key
    if len(parts) == 1:
        return parts[0]
    names = [name for name in layout.schema if name not in keys]
    return pl.concat(parts).group_by(keys).agg(map(_adder, names)).select(layout.schema.names()).cast(layout.schema)


def _adder(name: str) -> pl.Expr:
    if name in _SUMS:
        return pl.col(name).sum()
    return pl.col(name).min() if name in _FIRST else pl.col(name).max()


def taken_off(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with negated sums, so that `added` subtracts them."""
    return rows.with_columns(-pl.col(name) for name in _SUMS if name in rows.columns)
