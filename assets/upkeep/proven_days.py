"""Which closed days are proven. A proof holds for the data files that it compared.

Whoever changes a day leaves other files: the stream, a month's load, `forget`, `repair`, or a program that is not ours.
Add here: what is remembered of a proof. Not here: what is compared (`proof`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from assets.progress.changed_days import rows_per_day
from assets.progress.rebuild_marks import unfinished_days
from assets.progress.source_fingerprints import fingerprint
from assets.tables import BRONZE_ARCHIVE_MONTHS, BRONZE_EVENTS, DAILY, PROOFS, SILVER_EVENTS, SILVER_PURCHASES
from resources.lake import Lake, OpenTables, Tables
from resources.lake_errors import again_on_conflict
from resources.table_files import file_marks

PROVED = (SILVER_EVENTS, SILVER_PURCHASES, *DAILY)
"""The tables that are compared with a rebuild from bronze."""

_COMPARED = (*reversed(PROVED), BRONZE_EVENTS)

MOST_DAYS, MOST_ROWS = 31, 50_000_000
"""A night proves MOST_DAYS, and more while they hold at most MOST_ROWS rows of bronze: some minutes of work."""


@dataclass(frozen=True)
class ProofState:
    """The number of `closed` days, those that are `unproven` (oldest first), and the tables of each `differing` day.

    An unproven day was never compared, or has changed since.
    """

    closed: int
    unproven: Sequence[date]
    differing: Mapping[date, Sequence[str]]

    @property
    def oldest(self) -> date | None:
        """The oldest unproven day."""
        return min(self.unproven, default=None)


def open_compared(lake: Lake) -> OpenTables:
    """Handles of what a proof reads: gold, then silver, then bronze, then what tells of loads under way."""
    return OpenTables(lake, (PROOFS, *_COMPARED, BRONZE_ARCHIVE_MONTHS))


def proof_state(tables: Tables, now: datetime) -> ProofState:
    """How far the proof is. A day is closed once it is over in UTC."""
    today = {day: number for day, number in fingerprints(tables).items() if day < now.date()}
    held = tables.table(PROOFS).read(columns=["event_date", "fingerprint", "differing"])
    known = {day: names for day, number, names in held.sort("event_date").iter_rows() if today.get(day) == number}
    unproven = sorted(today.keys() - known.keys())
    return ProofState(len(today), unproven, {day: names for day, names in known.items() if names})


def fingerprints(tables: Tables, days: Collection[date] | None = None) -> dict[date, int]:
    """Per day of any compared table (of `days` alone), a number that moves when one of its data files does."""
    marks = [file_marks(tables.table(layout), days) for layout in _COMPARED]
    return {day: fingerprint(str([of_table.get(day) for of_table in marks])) for day in set[date]().union(*marks)}


def due_days(tables: Tables, now: datetime) -> Iterator[date]:
    """The days to compare now: unproven ones, oldest first, then those that differed before; as many as a night may.

    A day that is being rebuilt or loaded waits: it is half old and half new.
    """
    state, waiting = proof_state(tables, now), Moving.of(tables)
    queue = [day for day in (*state.unproven, *state.differing) if day not in waiting]
    held, rows = rows_per_day(tables.table(BRONZE_EVENTS)), 0
    for place, day in enumerate(queue):
        rows += held.get(day, 0)
        if place >= MOST_DAYS and rows > MOST_ROWS:
            return
        yield day


@dataclass(frozen=True)
class Moving:
    """Days that are being rebuilt, or were left half rebuilt, and months that are being loaded."""

    days: frozenset[date]
    months: frozenset[date]

    @classmethod
    def of(cls, tables: Tables) -> "Moving":
        loading = tables.table(BRONZE_ARCHIVE_MONTHS).read("sha256 = ''", ["month", "days"])
        return cls(
            frozenset({*unfinished_days(tables), *loading["days"].explode().drop_nulls()}), frozenset(loading["month"])
        )

    def __contains__(self, day: date) -> bool:
        return day in self.days or day.replace(day=1) in self.months


def remember(lake: Lake, day: date, number: int, differing: Sequence[str], now: datetime) -> None:
    """Keep how the comparison of a day with this fingerprint came out. Replaces what was known of the day."""
    row = {"event_date": day, "fingerprint": number, "differing": list(differing), "proved_at": now}
    entry = pl.DataFrame([row], schema=PROOFS.schema)

    def put() -> None:
        table = lake.table(PROOFS)
        table.replace(pl.concat([table.read().filter(pl.col("event_date") != day), entry]), None, {})

    again_on_conflict(put)
