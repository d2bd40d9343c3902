"""silver/purchases: the purchases of silver in a narrow table of their own, from which gold is computed.

A batch's purchases are appended right after silver, with the number of the batch in the same commit. Rebuilding a day
of silver replaces its purchases.
Add here: how the table is updated from silver, and how it is read. Not here: the measures of purchases (`measures`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import polars as pl

from assets.progress.batches import BATCH, batch_of
from assets.progress.source_fingerprints import rebuilt_again
from assets.tables import REFINED, SILVER_EVENTS, SILVER_PURCHASES
from resources.lake import Lake, OpenTables
from resources.lake_errors import ProgressMovedError, again_on_conflict
from resources.lake_table import LakeTable
from resources.prefetch import prefetched
from resources.stand_in import exchange, stand_in, until_exchanged

MEASURED = ("event_time", "product_id", "brand", "price", "user_id", "user_session", "ingested_at", "event_date")
"""The columns that gold's queries need."""

_COLUMNS = SILVER_PURCHASES.schema.names()
_BOUGHT = "event_type = 'purchase'"


def purchases_in(events: pl.DataFrame) -> pl.DataFrame:
    """The purchases among rows of silver."""
    return events.filter(event_type="purchase").select(_COLUMNS)


def purchases_of(purchases: LakeTable, days: Iterable[date], columns: Sequence[str] = MEASURED) -> pl.DataFrame:
    """The purchases of these days."""
    return purchases.read(SILVER_PURCHASES.on_days(days), columns)


def advance_purchases(
    tables: OpenTables, number: int | None = None, accepted: pl.DataFrame | None = None
) -> pl.DataFrame | None:
    """Update the table to silver's last batch; `accepted` are the events of batch `number`, if at hand.

    Returns that batch's purchases as the handle in `tables` now holds them, None if it may hold others. Idempotent: the
    commit holds the number of the batch. Raises ProgressMovedError if another run is already past silver's last batch.
    """
    return again_on_conflict(lambda: _advance(tables, number, accepted), lambda: tables.refresh(REFINED))


def _advance(tables: OpenTables, number: int | None, accepted: pl.DataFrame | None) -> pl.DataFrame | None:
    table, silver = tables.table(SILVER_PURCHASES), tables.table(SILVER_EVENTS)
    covered, last = table.progress(BATCH), batch_of(silver)
    if (covered or 0) > last:
        raise ProgressMovedError(f"another run has updated silver/purchases to batch {covered}")
    is_filled = covered is not None or not silver.days or last == number == 1
    if is_filled and accepted is not None and number == last == (covered or 0) + 1:
        bought = purchases_in(accepted)
        table.append(bought, {BATCH: last})
        return bought
    if not is_filled or (covered or 0) < last:
        _catch_up(table, silver)
    return None


def _catch_up(table: LakeTable, silver: LakeTable) -> None:
    """Add the purchases of silver's newer batches. A table never filled gets all of them, day by day in one commit."""
    covered, last = table.progress(BATCH), batch_of(silver)
    if covered is None:
        days = silver.days
        bought = (silver.read(f"{_BOUGHT} AND {SILVER_EVENTS.on_days([day])}", _COLUMNS) for day in days)
        # In a thread of its own: Delta Lake can't read during a write.
        table.replace(prefetched(bought) if days else _none(), None, {BATCH: last})
    else:
        table.append(silver.read(f"{_BOUGHT} AND batch > {covered} AND batch <= {last}", _COLUMNS), {BATCH: last})


def rebuild_purchases(lake: Lake, days: Sequence[date]) -> None:
    """Replace these days of the table with silver's purchases. Idempotent.

    The commit carries the number of the last batch, so a concurrent micro-batch is refused and starts again.
    """

    def rebuild() -> None:
        table, silver = lake.table(SILVER_PURCHASES), lake.table(SILVER_EVENTS)
        covered, rebuilt = batch_of(silver), rebuilt_again(silver, days)
        if table.progress(BATCH) != covered:
            _catch_up(table, silver)
        rows = silver.read(f"{_BOUGHT} AND {SILVER_EVENTS.on_days(days)}", _COLUMNS)
        if not lake.is_local:
            table.replace(rows, SILVER_PURCHASES.on_days(days), {BATCH: covered, **rebuilt_again(table, days)})
            return
        with stand_in(lake, SILVER_PURCHASES) as other:
            other.append(rows, {BATCH: covered})
            until_exchanged(lambda: _take_place(lake, other, days, rebuilt), SILVER_PURCHASES)

    if days:
        again_on_conflict(rebuild)


def _take_place(lake: Lake, other: LakeTable, days: Sequence[date], rebuilt: Mapping[str, int]) -> bool:
    """Add to `other` what the table has got since, and put it in the place of its days; False if silver was rebuilt."""
    table, silver = lake.table(SILVER_PURCHASES), lake.table(SILVER_EVENTS)
    if rebuilt_again(silver, days) != rebuilt:
        return False
    last, known = batch_of(table), batch_of(other)
    if last > known:
        other.append(table.read(f"{SILVER_PURCHASES.on_days(days)} AND batch > {known}"), {BATCH: last})
    exchange(table, other, days, {BATCH: last, **rebuilt_again(table, days)})
    return True


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema=SILVER_PURCHASES.schema)
