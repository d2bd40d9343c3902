"""The notes that pages show: loaded again when somebody wrote or deleted one, at once where that was done here.

Add here: which notes a page gets. Not here: how they are kept (`assets.viewers.notes`), or drawn (`note_marks`).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from assets.tables import NOTES
from assets.viewers.notes import SHOWN, NoteError, add_note, delete_note, shown_notes
from resources.lake import Lake
from salesinsights_dagster.dashboard.spans import DAY

MOST = 20
"""So many notes are shown with a chart, of the newest times; the API gives all."""


class KnownNotes:
    """The notes of a lake; none before the first `refresh`. Any thread may ask."""

    def __init__(self, lake: Lake, clock: Callable[[], datetime]) -> None:
        self._lake, self._clock = lake, clock
        self._version: int | None = None
        self.all = pl.DataFrame(schema={name: NOTES.schema[name] for name in SHOWN})
        """Those that are not deleted: SHOWN, of the newest times first. Another frame whenever the table has moved."""

    def refresh(self) -> None:
        """Load the notes again if the table has moved. Raises LakeError if it can't be read."""
        table = self._lake.table(NOTES)
        if table.version != self._version:
            self.all, self._version = shown_notes(table), table.version

    def add(self, text: str, since: str, until: str | None, zone: ZoneInfo, author: str | None) -> int:
        """Keep a note, its times as `moment_of` reads them; return its number. Raises NoteError, LakeError."""
        starts_at = moment_of("from", since, zone)
        ends_at = moment_of("to", until, zone, DAY) if until else None
        number = add_note(self._lake, text, starts_at, ends_at, author, self._clock())
        self.refresh()
        return number

    def delete(self, note_id: int, who: str | None) -> bool:
        """Delete a note; False if there is none of this number. Raises LakeError."""
        is_deleted = delete_note(self._lake, note_id, who, self._clock())
        self.refresh()
        return is_deleted

    def during(self, start: datetime, end: datetime) -> pl.DataFrame:
        """Those that touch [start, end], of the newest times first, MOST at most."""
        last = pl.coalesce(pl.col("ends_at") - timedelta(microseconds=1), "starts_at")
        return self.all.filter((pl.col("starts_at") <= end) & (last >= start)).head(MOST)


def moment_of(name: str, text: str, zone: ZoneInfo, whole_day: timedelta = timedelta()) -> datetime:
    """The moment, UTC, of a text such as 2026-11-01, 2026-11-01T08:00 or 2026-11-01T08:00:00Z.

    Without an offset it is meant by the clocks of `zone`. A day is its begin, and `whole_day` later. Raises NoteError.
    """
    try:
        found = datetime.fromisoformat(text)
        if len(text) == 10:
            found += whole_day
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NoteError(
            f"{name}={text[:40]} is no time: write 2026-11-01, 2026-11-01T08:00 or 2026-11-01T08:00Z"
        ) from None
