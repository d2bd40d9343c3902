"""Gold: what purchases of a day amount to. Computed from silver by the `.sql` files beside this one, never added up.

A touched day is computed anew and replaces its partition, so a replay changes nothing and a late event counts where it
belongs. Add here: how gold follows silver. Not here: what a measure means (the `.sql` files).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl

from assets.bronze_events import BATCH
from assets.tables import BRONZE_EVENTS, DAILY, REFINED, SILVER_BATCHES, SILVER_EVENTS
from resources.duckdb_engine import duckdb_session, query
from resources.lake import (
    Lake,
    LakeTable,
    OpenTables,
    ProgressMovedError,
    TableLayout,
    Tables,
    again_on_conflict,
)

NO_PROGRESS: Mapping[str, int] = {}

_PURCHASE = ("event_time", "product_id", "brand", "price", "user_id", "user_session", "ingested_at", "event_date")


def sql_of(layout: TableLayout) -> str:
    """The query that computes a table; it stands in a file of the table's name."""
    return (Path(__file__).parent / f"{layout.name.split('/')[-1]}.sql").read_text()


@contextmanager
def gold_queries(
    source: Mapping[str, pl.DataFrame], window_seconds: int
) -> Iterator[Callable[[TableLayout], pl.DataFrame]]:
    """A function that computes a gold table from the frames that its query names."""
    with duckdb_session(source, {"window_seconds": window_seconds}) as connection:
        yield lambda layout: query(connection, sql_of(layout)).select(layout.schema.names()).cast(layout.schema)


def purchases_of(silver: LakeTable, days: Iterable[date], more: Sequence[str] = ()) -> pl.DataFrame:
    """The purchase rows of these days, as the queries need them, and `more` of their columns."""
    return silver.read(f"event_type = 'purchase' AND {SILVER_EVENTS.on_days(days)}", [*_PURCHASE, *more])


def purchases_in(events: pl.DataFrame) -> pl.DataFrame:
    """The purchase rows of a frame like silver, as the queries need them."""
    return events.filter(event_type="purchase").select(_PURCHASE)


def advance_gold(tables: OpenTables, window_seconds: int) -> None:
    """Bring each daily gold table to silver's last batch.

    A replay computes the same rows. Raises ProgressMovedError if another run came further meanwhile.
    """
    again_on_conflict(lambda: _advance(tables, window_seconds), lambda: tables.refresh(REFINED))


def _advance(tables: OpenTables, window_seconds: int) -> None:
    silver, gold = tables.table(SILVER_EVENTS), [tables.table(layout) for layout in DAILY]
    last = silver.progress(BATCH) or 0
    covered = {table.layout.name: table.progress(BATCH) or 0 for table in gold}
    if max(covered.values()) > last:
        raise ProgressMovedError(f"another run has brought gold to batch {max(covered.values())}")
    behind = [table for table in gold if covered[table.layout.name] < last]
    if behind:
        days = days_of_batches(tables.table(SILVER_BATCHES), min(covered.values()), last)
        _replace(behind, silver, days, window_seconds, {BATCH: last})


def days_of_batches(ledger: LakeTable, after: int, last: int) -> list[date]:
    """The days on which the batches after `after`, up to `last`, brought new events."""
    rows = ledger.read(f"batch > {after} AND batch <= {last}", ["days"])
    return sorted(rows["days"].explode().drop_nulls().unique())


def whole_batches(tables: Tables) -> int:
    """The last batch that every daily gold table covers."""
    return min(tables.table(layout).progress(BATCH) or 0 for layout in DAILY)


def _replace(
    tables: Sequence[LakeTable], silver: LakeTable, days: list[date], window_seconds: int, progress: Mapping[str, int]
) -> None:
    if not days:
        for table in tables:
            table.append(pl.DataFrame(schema=table.layout.schema), progress)
        return
    with gold_queries({"purchases": purchases_of(silver, days)}, window_seconds) as compute:
        for table in tables:
            table.replace(compute(table.layout), table.layout.on_days(days), progress)


def rebuild_gold(
    lake: Lake,
    layouts: Sequence[TableLayout],
    days: list[date],
    window_seconds: int,
    progress: Mapping[str, int] = NO_PROGRESS,
) -> None:
    """Compute these days of daily gold tables anew from silver; `progress` is where the tables then stand.

    Silver is read after gold's handles are taken, so that a live run that comes between makes this one start again.
    """

    def rebuild() -> None:
        gold = [lake.table(layout) for layout in layouts]
        _replace(gold, lake.table(SILVER_EVENTS), days, window_seconds, progress)

    again_on_conflict(rebuild)


def gold_is_behind(tables: Tables) -> bool:
    """Whether bronze has a batch that one of the daily tables does not cover."""
    return whole_batches(tables) < (tables.table(BRONZE_EVENTS).progress(BATCH) or 0)
