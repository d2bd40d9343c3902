"""Which days of silver were rebuilt and are not in gold yet: a backfill that was killed leaves some.

The commit that rebuilds days marks them, as bits of a number of their month, and whoever has brought them to gold takes
the marks back. A day that was rebuilt again meanwhile keeps its mark. So a kill at any point leaves a mark, not a day
that nobody knows of. Add here: how a mark is kept. Not here: how a day is finished (`assets.gold.unfinished_days`).
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import reduce

import polars as pl

from assets.progress.source_fingerprints import REBUILDS, rebuilds_of
from assets.tables import DAILY, SILVER_EVENTS, SILVER_PURCHASES
from resources.held_folders import held, is_held
from resources.lake import Lake, Tables
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable

_ALL_IN_GOLD = "unfinished/none"
"""How many rebuilds of silver there had been when no day had a mark: as long as there are no more, none has one."""


def marked(silver: LakeTable, days: Collection[date]) -> dict[str, int]:
    """The progress of a commit that rebuilds these days of silver: they are unfinished now."""
    return {name: (silver.progress(name) or 0) | bits for name, bits in _bits(days).items()}


def can_be_stale(tables: Tables, days: Collection[date], *rebuilt: LakeTable) -> list[date]:
    """The days that have rows in a table after silver, or in one of the `rebuilt`: only these need a mark.

    A killed rebuild of an empty day would else leave a mark, found with the day's first row, which gold has then.
    """
    held = _held(tables).union(*(table.days for table in rebuilt))
    return [day for day in days if day in held]


def unfinished_days(tables: Tables) -> list[date]:
    """The days that were rebuilt in silver, but not yet in gold, sorted."""
    silver = tables.table(SILVER_EVENTS)
    if (silver.progress(REBUILDS) or 0) == (silver.progress(_ALL_IN_GOLD) or 0):
        return []
    # A day that silver no longer has can only be stale if a table after it has it.
    days = _held(tables).union(silver.days)
    months = {name: silver.progress(name) or 0 for name in _bits(days)}
    return sorted(day for day in days if months[_month(day)] & _bit(day))


def _held(tables: Tables) -> set[date]:
    """The days of the tables after silver."""
    return set[date]().union(*(tables.table(layout).days for layout in (SILVER_PURCHASES, *DAILY)))


def abandoned_days(lake: Lake) -> list[date]:
    """The unfinished days, if nobody is at work on any."""
    return [] if is_held(lake.scratch) else unfinished_days(lake)


@contextmanager
def finishing(lake: Lake, days: Collection[date], rebuilds: int) -> Iterator[None]:
    """Bring these days to gold in the block, whose end takes their marks back; an error leaves them.

    `rebuilds` is how often the block itself rebuilds each day of silver, which has to come before purchases and gold.
    """
    silver = lake.table(SILVER_EVENTS)
    before = {day: rebuilds_of(silver, day) for day in days}
    with held(lake.scratch):
        yield
        again_on_conflict(lambda: _take_back(lake, {day: number + rebuilds for day, number in before.items()}))


def _take_back(lake: Lake, shown: Mapping[date, int]) -> None:
    """Take back the marks of these days, unless one was rebuilt more often than gold shows."""
    silver = lake.table(SILVER_EVENTS)
    done = [day for day, number in shown.items() if rebuilds_of(silver, day) <= number]
    progress = {name: (silver.progress(name) or 0) & ~bits for name, bits in _bits(done).items()}
    if set(unfinished_days(lake)) <= set(done):
        progress[_ALL_IN_GOLD] = silver.progress(REBUILDS) or 0
    if any((silver.progress(name) or 0) != number for name, number in progress.items()):
        silver.append(pl.DataFrame(schema=SILVER_EVENTS.schema), progress)


def _bits(days: Collection[date]) -> dict[str, int]:
    """The bits of these days, per name of their month."""
    names = {_month(day) for day in days}
    return {name: reduce(int.__or__, (_bit(day) for day in days if _month(day) == name)) for name in sorted(names)}


def _month(day: date) -> str:
    return f"unfinished/{day:%Y%m}"


def _bit(day: date) -> int:
    return 1 << day.day
