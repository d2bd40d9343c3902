"""silver/purchases: the rows of silver that gold is made from, kept apart, narrow and few.

A batch's purchases are appended right after silver, with the number of the batch in the same commit. A rebuilt day of
silver has its purchases replaced.
Add here: how the table follows silver, and how it is read. Not here: what purchases amount to (`measures`).
"""

from collections.abc import Iterable, Sequence
from datetime import date

import polars as pl

from assets.progress.batches import BATCH, batch_of
from assets.tables import REFINED, SILVER_EVENTS, SILVER_PURCHASES
from resources.lake import Lake, OpenTables
from resources.lake_table import LakeTable, ProgressMovedError, again_on_conflict
from resources.prefetch import prefetched

MEASURED = ("event_time", "product_id", "brand", "price", "user_id", "user_session", "ingested_at", "event_date")
"""The columns that gold's queries need."""

_COLUMNS = SILVER_PURCHASES.schema.names()
_BOUGHT = "event_type = 'purchase'"


def purchases_in(events: pl.DataFrame) -> pl.DataFrame:
    """The purchase rows of a frame like silver."""
    return events.filter(event_type="purchase").select(_COLUMNS)


def purchases_of(purchases: LakeTable, days: Iterable[date], columns: Sequence[str] = MEASURED) -> pl.DataFrame:
    """The purchases of these days."""
    return purchases.read(SILVER_PURCHASES.on_days(days), columns)


def advance_purchases(tables: OpenTables, number: int | None = None, accepted: pl.DataFrame | None = None) -> None:
    """Bring the table to silver's last batch; `accepted` are the events of batch `number`, if they are at hand.

    A replay adds no row: the commit holds the number of the batch. Raises ProgressMovedError if another run came
    further meanwhile.
    """
    again_on_conflict(lambda: _advance(tables, number, accepted), lambda: tables.refresh(REFINED))


def _advance(tables: OpenTables, number: int | None, accepted: pl.DataFrame | None) -> None:
    table, silver = tables.table(SILVER_PURCHASES), tables.table(SILVER_EVENTS)
    covered, last = table.progress(BATCH), batch_of(silver)
    if (covered or 0) > last:
        raise ProgressMovedError(f"another run has brought silver/purchases to batch {covered}")
    is_filled = covered is not None or not silver.days or last == number == 1
    if is_filled and accepted is not None and number == last == (covered or 0) + 1:
        table.append(purchases_in(accepted), {BATCH: last})
    elif not is_filled or (covered or 0) < last:
        _catch_up(table, silver)


def _catch_up(table: LakeTable, silver: LakeTable) -> None:
    """Add what silver has more; a table that was never filled gets all of it, in one commit, day by day."""
    covered, last = table.progress(BATCH), batch_of(silver)
    if covered is None:
        days = silver.days
        bought = (silver.read(f"{_BOUGHT} AND {SILVER_EVENTS.on_days([day])}", _COLUMNS) for day in days)
        # In a thread of its own: Delta Lake does not read inside of a write.
        table.replace(prefetched(bought) if days else _none(), None, {BATCH: last})
    else:
        table.append(silver.read(f"{_BOUGHT} AND batch > {covered} AND batch <= {last}", _COLUMNS), {BATCH: last})


def rebuild_purchases(lake: Lake, days: Sequence[date]) -> None:
    """Replace these days of the table by the purchases of silver. A replay changes no row.

    Its commit carries the batch that silver covers: a micro-batch that comes meanwhile is refused, and looks again.
    """

    def rebuild() -> None:
        table, silver = lake.table(SILVER_PURCHASES), lake.table(SILVER_EVENTS)
        if table.progress(BATCH) != batch_of(silver):
            _catch_up(table, silver)
        rows = silver.read(f"{_BOUGHT} AND {SILVER_EVENTS.on_days(days)}", _COLUMNS)
        table.replace(rows, SILVER_PURCHASES.on_days(days), {BATCH: batch_of(silver)})

    if days:
        again_on_conflict(rebuild)


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema=SILVER_PURCHASES.schema)
