"""Days that changed by anything but a batch of the stream, and of which Dagster was not told since.

A batch is told by its number (`changed_days`). Whatever else changes days marks them in its own commit, as bits of a
number of their month: a rebuild of silver, whoever launched it, and what moves rows into quarantine or out of it. Who
tells Dagster takes the marks back through the handle that they were read from: a day that was marked again meanwhile
keeps its mark.
Add here: how a mark is kept, and what it stands for. Not here: how Dagster is told (`stream`, `archive`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

import polars as pl

from assets.events.contract import EARLIEST
from assets.progress.changed_days import rows_per_day
from assets.progress.rebuild_marks import unfinished_days
from assets.tables import BRONZE_EVENTS, DAILY, SILVER_EVENTS, SILVER_PURCHASES, SILVER_QUARANTINE
from resources.held_folders import is_held
from resources.lake import Lake, Tables
from resources.lake_errors import ConcurrentCommitError
from resources.lake_table import LakeTable

_MARKED, _TOLD = "untold/marked", "untold/told"
"""How often days were marked: in all, and by the time when no day had a mark any more."""

_KEEP = (SILVER_QUARANTINE, SILVER_EVENTS, BRONZE_EVENTS)
"""The tables that keep marks."""

_WITH = {SILVER_EVENTS.name: (SILVER_PURCHASES, *DAILY)}
"""The tables that change with one that keeps marks, on the same days."""


def untold(table: LakeTable, days: Collection[date]) -> dict[str, int]:
    """The progress of a commit to a table of the stream (bronze, silver, quarantine) that changes these days."""
    if not days:
        return {}
    bits = {name: (table.progress(name) or 0) | some for name, some in _bits(days).items()}
    return {**bits, _MARKED: (table.progress(_MARKED) or 0) + 1}


def has_untold_days(lake: Lake, known: Tables | None = None) -> bool:
    """Whether days wait to be told, by the tables in `known` (or the lake's), and nobody is at work on days."""
    return any(map(_is_marked, _tables(known or lake))) and not is_held(lake.scratch)


@dataclass(frozen=True)
class _Marks:
    """The marked days of a table that can be told now, the table's handle, and whether these are all."""

    table: LakeTable
    days: list[date]
    are_all: bool

    def take_back(self) -> None:
        bits = {name: (self.table.progress(name) or 0) & ~some for name, some in _bits(self.days).items()}
        done = {_TOLD: self.table.progress(_MARKED) or 0} if self.are_all else {}
        self.table.append(pl.DataFrame(schema=self.table.layout.schema), {**bits, **done})


@dataclass(frozen=True)
class UntoldDays:
    """The days that Dagster has to be told of."""

    lake: Lake
    marks: Sequence[_Marks]

    def rows(self) -> dict[str, dict[date, int]]:
        """Per table that may have changed, the days to tell, sorted, with their current rows."""
        found: dict[str, dict[date, int]] = {}
        for mark in filter(lambda one: one.days, self.marks):
            for layout in (mark.table.layout, *_WITH.get(mark.table.layout.name, ())):
                held = rows_per_day(self.lake.table(layout))
                found[layout.name] = {day: held.get(day, 0) for day in mark.days}
        return found

    def told(self) -> None:
        """Take the marks back: Dagster knows of these days now."""
        for mark in filter(lambda one: one.days, self.marks):
            # A day that was marked again meanwhile is told again.
            with suppress(ConcurrentCommitError):
                mark.take_back()


def untold_days(
    lake: Lake, today: date, known: Tables | None = None, only: Collection[date] | None = None
) -> UntoldDays:
    """The marked days, up to tomorrow. None while somebody is at work on days, and none that has yet to reach gold.

    Nothing is loaded if the tables in `known` have no mark. `only` limits the answer to these days.
    """
    if not has_untold_days(lake, known):
        return UntoldDays(lake, [])
    unfinished = set(unfinished_days(lake))
    found = [(table, list(_marked(table, today))) for table in _tables(lake) if _is_marked(table)]
    ready = [[day for day in days if day not in unfinished and (only is None or day in only)] for _, days in found]
    return UntoldDays(
        lake, [_Marks(table, some, some == days) for (table, days), some in zip(found, ready, strict=True)]
    )


def _tables(tables: Tables) -> Iterator[LakeTable]:
    return (tables.table(layout) for layout in _KEEP)


def _is_marked(table: LakeTable) -> bool:
    return (table.progress(_MARKED) or 0) != (table.progress(_TOLD) or 0)


def _marked(table: LakeTable, today: date) -> Iterator[date]:
    """The marked days in order; also days that no table holds any more, so every month is looked at."""
    days = [EARLIEST.date() + timedelta(days=number) for number in range((today - EARLIEST.date()).days + 2)]
    for name, month in groupby(days, key=_month):
        bits = table.progress(name) or 0
        yield from (day for day in month if bits >> day.day & 1)


def _bits(days: Collection[date]) -> Mapping[str, int]:
    """The bits of these days, per name of their month."""
    bits: dict[str, int] = {}
    for day in days:
        bits[_month(day)] = bits.get(_month(day), 0) | 1 << day.day
    return dict(sorted(bits.items()))


def _month(day: date) -> str:
    return f"untold/{day:%Y%m}"
