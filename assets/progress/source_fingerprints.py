"""What a table was computed from, kept in its own commits.

Each commit moves the source's version, even those of upkeep, which change no row. So a refresh compares versions, and a
test for stale tables compares the content. Reading one name of progress takes about half a millisecond, so days of many
years are compared by month.
Add here: how a source is remembered. Not here: what is computed from it.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import groupby

import polars as pl

from resources.lake import Lake
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout

SLOTS, RECENT_SLOTS = 400, 40
"""How many names the progress by day has. Names are reused after as many days: a committed name is never deleted, and
each one makes all others slower to read."""

DayRows = Mapping[date, tuple[int, object]]
"""Per day, the number of rows and when the newest was written."""

REBUILDS = "rebuilt"
"""How often any day was rebuilt."""

CHANGED = "changed"
"""The last batch that changed rows in their place. If the clock went back, their number and newest time do not tell."""


def seen(source: LakeTable) -> dict[str, int]:
    """The progress of a commit computed from this version of `source`, a table with days."""
    return {source.layout.name: source.version, _content(source): _print_of_all(source)}


def has_moved(table: LakeTable, source: LakeTable) -> bool:
    """Whether the source's version differs from the one that the table was computed from."""
    return (table.progress(source.layout.name) or 0) != source.version


def has_changed(table: LakeTable, source: LakeTable) -> bool:
    """Whether the source's rows changed too: by the count and newest time of each day, rebuilds, and CHANGED."""
    return has_moved(table, source) and table.progress(_content(source)) != _print_of_all(source)


def is_not_computed(table: LakeTable, lake: Lake, source: TableLayout) -> bool:
    """Whether the table is empty only because it was never computed, though its source has rows."""
    return table.progress(source.name) is None and lake.table(source).rows > 0


def day_rows(table: LakeTable) -> DayRows:
    """Row count and newest time per day, from the statistics of the table's files. Merging files does not change it."""
    files = table.files()
    if files.is_empty():
        return {}
    written = "ingested_at" if "ingested_at" in table.layout.schema else "updated_at"
    day = table.layout.file_day
    known = files.group_by(day).agg(pl.col("num_records").sum(), pl.col(f"max.{written}").max()).sort(day)
    return {when: (rows, newest) for when, rows, newest in known.iter_rows()}


def rebuilt_again(table: LakeTable, days: Collection[date]) -> dict[str, int]:
    """The progress of a commit that rebuilds these days: rows may change while count and newest time stay the same."""
    names = {REBUILDS, *(_rebuilt(slot_of(day)) for day in days), *(_rebuilt(month) for month in map(_month, days))}
    return {name: (table.progress(name) or 0) + 1 for name in sorted(names)}


def once_more(table: LakeTable) -> dict[str, int]:
    """The progress of a commit that computes days of a table again, where no table follows it day by day.

    What follows the table then looks again, though count and newest time may be unchanged.
    """
    return {REBUILDS: (table.progress(REBUILDS) or 0) + 1}


def rebuilds_of(table: LakeTable, day: date) -> int:
    """A number that moves when the day is rebuilt, or another day in its slot."""
    return table.progress(_rebuilt(slot_of(day))) or 0


def fingerprint(text: str) -> int:
    """A hash of the text: 62 bits, as progress can hold."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 2


def slot_of(day: date) -> str:
    """The slot of a day, shared with the days SLOTS days before and after it."""
    return f"{day.toordinal() % SLOTS:03}"


def recent_slot_of(day: date) -> str:
    """The slot of a day among RECENT_SLOTS, for progress that is read only for recent days."""
    return f"{day.toordinal() % RECENT_SLOTS:02}"


@dataclass(frozen=True)
class SourceFingerprints:
    """Which days of `source` a table shows, if it computes each day separately, by `query`.

    A commit holds fingerprints of the source's rows: one per day, one per month, and one of all months but the newest
    two. So stale days are found with a few dozen reads of progress, however many days there are.
    """

    table: LakeTable
    source: LakeTable
    query: str

    @cached_property
    def stale(self) -> list[date]:
        """The days that do not show the source's current rows, sorted; also days that the source no longer has."""
        lost = self._held - self._rows.keys()
        recent = self._recent()
        months = self._rows_by_month()
        if self._older(months, recent) != self.table.progress("older"):
            recent = set(months)
        late = (month for month in recent if self._of_month(month, months) != self.table.progress(f"month/{month}"))
        days = (day for month in late for day in months.get(month, ()))
        return sorted({*lost, *(day for day in days if self._of_day(day) != self.table.progress(_day(day)))})

    def shown(self, days: Collection[date]) -> dict[str, int]:
        """The progress of a commit that makes the table show these days too."""
        left = {_month(day) for day in self.stale if day not in days}
        months, recent = self._rows_by_month(), self._recent()
        done = {_month(day) for day in days} - left
        progress = {_day(day): self._of_day(day) for day in days}
        progress |= {f"month/{month}": self._of_month(month, months) for month in done}
        if not left - recent and done:
            progress["older"] = self._older(months, recent)
        return progress

    @cached_property
    def _rows(self) -> DayRows:
        return day_rows(self.source)

    @cached_property
    def _held(self) -> set[date]:
        return set(day_rows(self.table))

    def _rows_by_month(self) -> dict[str, list[date]]:
        return {month: list(days) for month, days in groupby(sorted(self._rows), key=_month)}

    def _recent(self) -> set[str]:
        return set(sorted({_month(day) for day in self._rows})[-2:])

    def _of_day(self, day: date) -> int:
        return fingerprint(f"{day} {self._rows.get(day)} {rebuilds_of(self.source, day)} {self.query}")

    def _of_month(self, month: str, months: Mapping[str, Iterable[date]]) -> int:
        rows = [(day, self._rows[day]) for day in months.get(month, ())]
        return fingerprint(f"{rows} {self.source.progress(_rebuilt(month)) or 0} {self.query}")

    def _older(self, months: Mapping[str, Iterable[date]], recent: Collection[str]) -> int:
        rows = [(day, self._rows[day]) for month in sorted(months) if month not in recent for day in months[month]]
        return fingerprint(f"{sorted(recent)} {rows} {self.source.progress(REBUILDS) or 0} {self.query}")


def _print_of_all(source: LakeTable) -> int:
    return fingerprint(f"{day_rows(source)} {source.progress(REBUILDS) or 0} {source.progress(CHANGED) or 0}")


def _content(source: LakeTable) -> str:
    return f"{source.layout.name}/content"


def _rebuilt(what: str) -> str:
    return f"{REBUILDS}/{what}"


def _day(day: date) -> str:
    return f"day/{slot_of(day)}"


def _month(day: date) -> str:
    return f"{day:%Y%m}"
