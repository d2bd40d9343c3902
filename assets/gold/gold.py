"""Gold: how the daily tables follow the purchases, batch by batch or a day at once.

A batch touches few rows of a day. Such a row becomes what it was, plus what the batch's buyers bought on that day up to
this batch, minus what they had bought before it. That is exact, distinct counts too: a buyer and an order belong to one
user. The commit carries the number of the batch, so a replay changes nothing. A late event counts where it belongs.
Add here: how gold follows. Not here: what a measure means (the `.sql` files), which rows are touched (`touched_rows`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import groupby

import polars as pl

from assets.gold.measures import added, measured, taken_off
from assets.gold.touched_rows import where_touched
from assets.progress.batches import BATCH, batch_of
from assets.silver.purchases import MEASURED, purchases_of
from assets.tables import BRONZE_EVENTS, DAILY, SILVER_PURCHASES
from resources.lake import Lake, OpenTables, Tables
from resources.lake_table import LakeTable, ProgressMovedError, TableLayout, again_on_conflict
from resources.table_files import rows_of

NO_PROGRESS: Mapping[str, int] = {}

_READ = (*MEASURED, "batch")


@dataclass(frozen=True)
class _Change:
    """What batches brought, by table: the rows that they touch, and what their buyers bought with them and without."""

    touched: Mapping[str, pl.DataFrame]
    after: Mapping[str, pl.DataFrame]
    before: Mapping[str, pl.DataFrame]

    def added_to(self, held: pl.DataFrame, layout: TableLayout) -> pl.DataFrame:
        """The rows of a table with the change in them; those that it does not touch as they are."""
        mine, keys = self.touched[layout.name], layout.key
        changes = (self.after[layout.name], taken_off(self.before[layout.name]))
        return added(layout, [held, *(rows.join(mine, on=keys, how="semi") for rows in changes)])


def advance_gold(tables: OpenTables, window_seconds: int) -> None:
    """Bring each daily gold table to the last batch of silver/purchases, however many batches that is, at once.

    A replay changes nothing. Where somebody else writes to a table meanwhile, it alone is looked at again. Raises
    ProgressMovedError if another run came further.
    """
    change = cache(lambda version, covered, last: _change(tables, covered, last, window_seconds))
    for layout in DAILY:
        again_on_conflict(
            lambda: _advance(tables, layout, change),  # noqa: B023
            lambda: tables.refresh([layout, SILVER_PURCHASES]),  # noqa: B023
        )


def _advance(tables: OpenTables, layout: TableLayout, change: Callable[[int, int, int], _Change | None]) -> None:
    table, purchases = tables.table(layout), tables.table(SILVER_PURCHASES)
    covered, last = batch_of(table), batch_of(purchases)
    if covered > last:
        raise ProgressMovedError(f"another run has brought {layout.name} to batch {covered}")
    if covered == last:
        return
    found = change(purchases.version, covered, last)
    if found is None:
        table.append(pl.DataFrame(schema=layout.schema), {BATCH: last})
    else:
        where = where_touched(table, found.touched[layout.name])
        table.replace(found.added_to(table.read(where), layout), where, {BATCH: last})


def _change(tables: OpenTables, covered: int, last: int, window_seconds: int) -> _Change | None:
    """What the batches after `covered`, up to `last`, changed; None where nobody bought anything."""
    purchases = tables.table(SILVER_PURCHASES)
    new = purchases.read(f"batch > {covered} AND batch <= {last}", _READ)
    if new.is_empty():
        return None
    theirs = rows_of(purchases, "user_id", new["user_id"].unique(), set(new["event_date"]), _READ)
    earlier = theirs.filter(pl.col("batch") <= covered)
    after = measured(theirs.filter(pl.col("batch") <= last), DAILY, window_seconds)
    touched = measured(new, DAILY, window_seconds) if earlier.height else after
    return _Change(touched, after, measured(earlier, DAILY, window_seconds))


def whole_batches(tables: Tables) -> int:
    """The last batch that every daily gold table covers."""
    return min(batch_of(tables.table(layout)) for layout in DAILY)


def rebuild_gold(
    lake: Lake,
    layouts: Sequence[TableLayout],
    days: Sequence[date],
    window_seconds: int,
    progress: Mapping[str, int] = NO_PROGRESS,
) -> None:
    """Compute these days of daily gold tables from the purchases up to the batch that each table covers.

    `progress` is where the tables then stand; without it, where they stand now. The purchases are read after gold's
    handles are taken, so that a live run that comes between makes this one start again. A replay changes no row.
    """

    def rebuild() -> None:
        gold = [lake.table(layout) for layout in layouts]
        purchases = lake.table(SILVER_PURCHASES)
        for covered, some in groupby(sorted(gold, key=batch_of), batch_of):
            _rebuild(list(some), purchases, days, progress.get(BATCH, covered), window_seconds, progress)

    if days:
        again_on_conflict(rebuild)


def _rebuild(
    gold: Sequence[LakeTable],
    purchases: LakeTable,
    days: Sequence[date],
    last: int,
    window_seconds: int,
    progress: Mapping[str, int],
) -> None:
    layouts = [table.layout for table in gold]
    bought = purchases_of(purchases, days, _READ).filter(pl.col("batch") <= last)
    rows = measured(bought, layouts, window_seconds)
    for table in gold:
        table.replace(rows[table.layout.name], table.layout.on_days(days), progress)


def gold_is_behind(tables: Tables) -> bool:
    """Whether bronze has a batch that one of the daily tables does not cover."""
    return whole_batches(tables) < batch_of(tables.table(BRONZE_EVENTS))
