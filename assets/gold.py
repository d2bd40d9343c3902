"""Gold: what purchases of a day amount to. Computed from silver by the `.sql` files beside this one, never added up.

A touched day is computed anew and replaces its partition, so a replay changes nothing and a late event counts where it
belongs. Add here: how gold follows silver. Not here: what a measure means (the `.sql` files).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl

from assets.bronze_events import BATCH
from assets.tables import (
    CUSTOMER_DAYS,
    CUSTOMER_VALUE,
    PRODUCT_SALES,
    PRODUCT_SALES_DAILY,
    SILVER_BATCHES,
    SILVER_EVENTS,
)
from resources.duckdb_engine import duckdb_session, query
from resources.lake import Lake, LakeTable, ProgressMovedError, TableLayout, again_on_conflict

DAILY = (PRODUCT_SALES, PRODUCT_SALES_DAILY, CUSTOMER_DAYS)
"""The gold tables that are computed from the purchases of a day."""

_PURCHASE = ("event_time", "product_id", "brand", "price", "user_id", "user_session", "ingested_at", "event_date")


@dataclass(frozen=True)
class GoldDays:
    """The days that a run computed anew, and the rows that each gold table now holds of each."""

    days: list[date]
    rows: Mapping[str, Mapping[date, int]]


def sql_of(layout: TableLayout) -> str:
    """The query that computes a gold table; it stands in a file of the table's name."""
    return (Path(__file__).parent / f"{layout.name.removeprefix('gold/')}.sql").read_text()


def compute(layout: TableLayout, source: Mapping[str, pl.DataFrame], window_seconds: int) -> pl.DataFrame:
    """One gold table from the frames that its query names."""
    with duckdb_session(source, {"window_seconds": window_seconds}) as connection:
        return query(connection, sql_of(layout)).select(layout.schema.names()).cast(layout.schema)


def purchases_of(silver: LakeTable, days: Iterable[date]) -> pl.DataFrame:
    """The purchase rows of these days, as the queries need them."""
    return silver.read(f"event_type = 'purchase' AND {SILVER_EVENTS.on_days(days)}", _PURCHASE)


def advance_gold(lake: Lake, window_seconds: int) -> GoldDays:
    """Bring each daily gold table to silver's last batch.

    A replay computes the same rows. Raises ProgressMovedError if another run came further meanwhile.
    """
    done = [again_on_conflict(partial(_advance, lake, layout, window_seconds)) for layout in DAILY]
    days = sorted(set().union(*(rows for rows in done)))
    return GoldDays(days, {layout.name: rows for layout, rows in zip(DAILY, done, strict=True)})


def _advance(lake: Lake, layout: TableLayout, window_seconds: int) -> dict[date, int]:
    table, silver = lake.table(layout), lake.table(SILVER_EVENTS)
    covered, last = table.progress(BATCH) or 0, silver.progress(BATCH) or 0
    if covered > last:
        raise ProgressMovedError(f"another run has brought {layout.name} to batch {covered}")
    if covered == last:
        return {}
    days = _touched(lake.table(SILVER_BATCHES), covered, last)
    if not days:
        table.append(pl.DataFrame(schema=layout.schema), {BATCH: last})
        return {}
    return _replace(table, silver, days, window_seconds, {BATCH: last})


def _touched(ledger: LakeTable, covered: int, last: int) -> list[date]:
    rows = ledger.read(f"batch > {covered} AND batch <= {last}", ["days"])
    return sorted(rows["days"].explode().drop_nulls().unique())


def _replace(
    table: LakeTable, silver: LakeTable, days: list[date], window_seconds: int, progress: Mapping[str, int]
) -> dict[date, int]:
    rows = compute(table.layout, {"purchases": purchases_of(silver, days)}, window_seconds)
    table.replace(rows, table.layout.on_days(days), progress)
    counted = dict(rows.group_by("event_date").len().iter_rows())
    return {day: counted.get(day, 0) for day in days}


def rebuild_gold(lake: Lake, layout: TableLayout, days: list[date], window_seconds: int) -> dict[date, int]:
    """Compute these days of one daily gold table anew from silver; the rows that it holds now, per day.

    Silver is read after gold's handle is taken, so that a live run that comes between makes this one start again.
    """

    def rebuild() -> dict[date, int]:
        table = lake.table(layout)
        return _replace(table, lake.table(SILVER_EVENTS), days, window_seconds, {})

    return again_on_conflict(rebuild)


def refresh_customer_value(lake: Lake) -> int:
    """Compute the value of every buyer from customer_days; the number of buyers. A replay changes nothing."""

    def refresh() -> int:
        table, days = lake.table(CUSTOMER_VALUE), lake.table(CUSTOMER_DAYS)
        rows = compute(CUSTOMER_VALUE, {"customer_days": days.read()}, 1)
        table.replace(rows, None, {BATCH: days.progress(BATCH) or 0})
        return rows.height

    return again_on_conflict(refresh)


def customer_value_is_behind(lake: Lake) -> bool:
    """Whether customer_days has moved since customer_value was last computed."""
    behind = lake.table(CUSTOMER_VALUE).progress(BATCH) or 0
    return behind < (lake.table(CUSTOMER_DAYS).progress(BATCH) or 0)
