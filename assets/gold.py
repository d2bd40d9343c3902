"""Gold: how the daily tables follow the purchases, batch by batch or a day at once.

A batch touches few rows of a day. Such a row becomes what it was, plus what the batch's buyers bought on that day up to
this batch, minus what they had bought before it. That is exact, distinct counts too: a buyer and an order belong to one
user. The commit carries the number of the batch, so a replay changes nothing. A late event counts where it belongs.
Add here: how gold follows. Not here: what a measure means (the `.sql` files), which rows are touched (`touched_rows`).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby

import polars as pl

from assets.bronze_events import BATCH
from assets.measures import KEYS, added, measured, taken_off
from assets.purchases import MEASURED, purchases_of
from assets.tables import BRONZE_EVENTS, DAILY, REFINED, SILVER_PURCHASES
from assets.touched_rows import where_touched
from resources.lake import Lake, LakeTable, OpenTables, ProgressMovedError, TableLayout, Tables, again_on_conflict
from resources.table_files import rows_of

NO_PROGRESS: Mapping[str, int] = {}

_READ = (*MEASURED, "batch")


def advance_gold(tables: OpenTables, window_seconds: int) -> None:
    """Bring each daily gold table to the last batch of silver/purchases, however many batches that is, at once.

    A replay changes nothing. Raises ProgressMovedError if another run came further meanwhile.
    """
    again_on_conflict(lambda: _advance(tables, window_seconds), lambda: tables.refresh(REFINED))


def _advance(tables: OpenTables, window_seconds: int) -> None:
    purchases, gold = tables.table(SILVER_PURCHASES), [tables.table(layout) for layout in DAILY]
    last = _covered(purchases)
    if max(map(_covered, gold)) > last:
        raise ProgressMovedError(f"another run has brought gold to batch {max(map(_covered, gold))}")
    behind = sorted((table for table in gold if _covered(table) < last), key=_covered)
    for covered, some in groupby(behind, _covered):
        _follow(list(some), purchases, covered, last, window_seconds)


def _covered(table: LakeTable) -> int:
    return table.progress(BATCH) or 0


def _follow(gold: Sequence[LakeTable], purchases: LakeTable, covered: int, last: int, window_seconds: int) -> None:
    new = purchases.read(f"batch > {covered} AND batch <= {last}", _READ)
    if new.is_empty():
        for table in gold:
            table.append(pl.DataFrame(schema=table.layout.schema), {BATCH: last})
        return
    layouts, days = [table.layout for table in gold], sorted(set(new["event_date"]))
    theirs = rows_of(purchases, "user_id", new["user_id"].unique(), days, _READ)
    earlier = theirs.filter(pl.col("batch") <= covered)
    after = measured(theirs.filter(pl.col("batch") <= last), layouts, window_seconds)
    before = measured(earlier, layouts, window_seconds)
    touched = measured(new, layouts, window_seconds) if earlier.height else after
    for table in gold:
        name, keys = table.layout.name, KEYS[table.layout.name]
        where = where_touched(table, touched[name])
        changes = (after[name], taken_off(before[name]))
        mine = (rows.join(touched[name], on=keys, how="semi") for rows in changes)
        table.replace(added(table.layout, [table.read(where), *mine]), where, {BATCH: last})


def whole_batches(tables: Tables) -> int:
    """The last batch that every daily gold table covers."""
    return min(_covered(tables.table(layout)) for layout in DAILY)


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
        for covered, some in groupby(sorted(gold, key=_covered), _covered):
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
    return whole_batches(tables) < _covered(tables.table(BRONZE_EVENTS))
