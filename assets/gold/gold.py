"""Gold: updates the daily tables from the purchases, batch by batch or a day at once.

A batch touches few rows of a day. New row = old row + what the batch's buyers bought that day up to this batch - what
they had bought before it. This is exact, even for distinct counts, because a buyer and an order belong to one user.
Idempotent: the commit carries the number of the batch. A late event counts on its own day and window.
Add here: how gold is updated. Not here: what a measure means (the `.sql` files), which rows change (`touched_rows`).
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
from assets.progress.source_fingerprints import CHANGED, once_more, rebuilt_again
from assets.silver.purchases import MEASURED, purchases_of
from assets.silver.spans import in_whole_windows, is_within, spans_of, within
from assets.tables import BRONZE_EVENTS, DAILY, PRODUCT_SALES, SILVER_PURCHASES
from resources.lake import Lake, OpenTables, Tables
from resources.lake_errors import ProgressMovedError, again_on_conflict
from resources.lake_table import LakeTable
from resources.stand_in import exchange, stand_in, until_exchanged
from resources.table_files import rows_of
from resources.table_layout import TableLayout

NO_PROGRESS: Mapping[str, int] = {}

_READ = (*MEASURED, "batch")


@dataclass(frozen=True)
class _Change:
    """What batches change, by table: the touched rows, and what their buyers bought up to these batches and before."""

    touched: Mapping[str, pl.DataFrame]
    after: Mapping[str, pl.DataFrame]
    before: Mapping[str, pl.DataFrame]

    def added_to(self, held: pl.DataFrame, layout: TableLayout) -> pl.DataFrame:
        """The rows of a table with the change applied; untouched rows stay unchanged."""
        mine, keys = self.touched[layout.name], layout.key
        changes = (self.after[layout.name], taken_off(self.before[layout.name]))
        return added(layout, [held, *(rows.join(mine, on=keys, how="semi", nulls_equal=True) for rows in changes)])


def advance_gold(
    tables: OpenTables,
    window_seconds: int,
    layouts: Sequence[TableLayout] = DAILY,
    newest: pl.DataFrame | None = None,
) -> None:
    """Update these daily gold tables to the last batch of silver/purchases, over any number of batches at once.

    `newest` are the purchases of that last batch, if at hand as the handle in `tables` holds them. Idempotent. If
    another writer commits to a table meanwhile, only that table starts again. Raises ProgressMovedError if another run
    is already past that batch.
    """
    known = tables.table(SILVER_PURCHASES).version

    def between(version: int, covered: int, last: int) -> _Change | None:
        new = newest if version == known and covered == last - 1 else None
        return _change(tables.table(SILVER_PURCHASES), layouts, covered, last, window_seconds, new=new)

    change = cache(between)
    for layout in layouts:
        again_on_conflict(
            lambda: _advance(tables, layout, change),  # noqa: B023
            lambda: tables.refresh([layout, SILVER_PURCHASES]),  # noqa: B023
        )


def _advance(tables: OpenTables, layout: TableLayout, change: Callable[[int, int, int], _Change | None]) -> None:
    table, purchases = tables.table(layout), tables.table(SILVER_PURCHASES)
    covered, last = batch_of(table), batch_of(purchases)
    if covered > last:
        raise ProgressMovedError(f"another run has updated {layout.name} to batch {covered}")
    if covered == last:
        return
    _apply(change(purchases.version, covered, last), table, last)


def _apply(change: _Change | None, table: LakeTable, last: int) -> None:
    """Commit a change, which leads to batch `last`."""
    layout = table.layout
    if change is None:
        table.append(pl.DataFrame(schema=layout.schema), {BATCH: last})
    else:
        where = where_touched(table, change.touched[layout.name])
        table.replace(change.added_to(table.read(where), layout), where, {BATCH: last, CHANGED: last})


def _change(
    purchases: LakeTable,
    layouts: Sequence[TableLayout],
    covered: int,
    last: int,
    window_seconds: int,
    days: Sequence[date] = (),
    new: pl.DataFrame | None = None,
) -> _Change | None:
    """What the batches after `covered`, up to `last`, changed (on these days); None if nobody bought anything.

    `new` are the purchases of these batches, if at hand.
    """
    if new is None:
        on_days = f" AND {SILVER_PURCHASES.on_days(days)}" if days else ""
        new = purchases.read(f"batch > {covered} AND batch <= {last}{on_days}", _READ)
    if new.is_empty():
        return None
    theirs = _bought_by(new, purchases, window_seconds if list(layouts) == [PRODUCT_SALES] else None)
    earlier = theirs.filter(pl.col("batch") <= covered)
    after = measured(theirs.filter(pl.col("batch") <= last), layouts, window_seconds)
    nothing = {layout.name: layout.schema.to_frame() for layout in layouts}
    before = measured(earlier, layouts, window_seconds) if earlier.height else nothing
    return _Change({layout.name: _touched(after, before, layout) for layout in layouts}, after, before)


def _bought_by(new: pl.DataFrame, purchases: LakeTable, window_seconds: int | None) -> pl.DataFrame:
    """What the buyers of `new` bought on these days; only in windows around these purchases, if they are so long."""
    users, days = new["user_id"].unique(), set(new["event_date"])
    if window_seconds is None:
        return rows_of(purchases, "user_id", users, days, _READ)
    windows = in_whole_windows(spans_of(new), window_seconds)
    theirs = rows_of(purchases, "user_id", users, days, _READ, within(windows, "event_time"))
    return theirs.filter(is_within(windows, "event_time"))


def _touched(
    after: Mapping[str, pl.DataFrame], before: Mapping[str, pl.DataFrame], layout: TableLayout
) -> pl.DataFrame:
    """The rows that new purchases are in: each purchase raises the units of its row, or its refunds."""
    names = [*layout.key, "units", "refunds"]
    return after[layout.name].join(before[layout.name], on=names, how="anti", nulls_equal=True)


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
    """Recompute these days of daily gold tables from the purchases up to the batch that each table covers.

    `progress` is committed with the rows, and its batch is then the limit; without it, the tables keep their own.
    Gold's handles are loaded before the purchases. A stream may commit meanwhile: the rebuilt days catch up with it
    before they take their place. Idempotent.
    """
    rebuild = _Rebuild(lake, days, window_seconds, progress)
    if days:
        again_on_conflict(lambda: rebuild.run(layouts))


@dataclass(frozen=True)
class _Rebuild:
    lake: Lake
    days: Sequence[date]
    window_seconds: int
    progress: Mapping[str, int]

    def run(self, layouts: Sequence[TableLayout]) -> None:
        """Raises ConcurrentCommitError if the days must be computed again."""
        gold = [self.lake.table(layout) for layout in layouts]
        purchases = self.lake.table(SILVER_PURCHASES)
        for covered, some in groupby(sorted(gold, key=batch_of), batch_of):
            self._put(list(some), purchases, self.progress.get(BATCH, covered))

    def _put(self, gold: Sequence[LakeTable], purchases: LakeTable, last: int) -> None:
        bought = purchases_of(purchases, self.days, _READ).filter(pl.col("batch") <= last)
        rows = measured(bought, [table.layout for table in gold], self.window_seconds)
        for table in gold:
            if self.lake.is_local and not self.progress:
                self._exchange(table.layout, rows[table.layout.name], last, rebuilt_again(purchases, self.days))
            else:
                progress = {**self.progress, **once_more(table)}
                table.replace(rows[table.layout.name], table.layout.on_days(self.days), progress)

    def _exchange(self, layout: TableLayout, rows: pl.DataFrame, last: int, rebuilt: Mapping[str, int]) -> None:
        with stand_in(self.lake, layout) as other:
            other.append(rows, {BATCH: last})
            until_exchanged(lambda: self._take_place(other, rebuilt), layout)

    def _take_place(self, other: LakeTable, rebuilt: Mapping[str, int]) -> bool:
        """Bring `other` to the batch of the table, and put it in the place of the table's days.

        False if the purchases of these days were rebuilt.
        """
        table, purchases = self.lake.table(other.layout), self.lake.table(SILVER_PURCHASES)
        if rebuilt_again(purchases, self.days) != rebuilt:
            return False
        last, known = batch_of(table), batch_of(other)
        if last > known:
            change = _change(purchases, [other.layout], known, last, self.window_seconds, self.days)
            _apply(change, other, last)
        exchange(table, other, self.days, {BATCH: last, **once_more(table)})
        return True


def gold_is_behind(tables: Tables) -> bool:
    """Whether bronze has a batch that some daily table does not cover yet."""
    return whole_batches(tables) < batch_of(tables.table(BRONZE_EVENTS))
