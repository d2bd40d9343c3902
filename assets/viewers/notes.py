"""Notes about a time: added, deleted, listed. A deleted note leaves a row without its text: who deleted it, and when.

Add here: what may be done with a note. Not here: how a page shows it (`salesinsights_dagster.dashboard.note_list`).
"""

from datetime import UTC, datetime

import polars as pl

from assets.events.contract import EARLIEST
from assets.tables import NOTES
from resources.foreseen_error import ForeseenError
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable

LONGEST_NOTE = 500
"""Characters: a note is read beside a chart."""

LATEST = datetime(2100, 1, 1, tzinfo=UTC)

SHOWN = ["note_id", "starts_at", "ends_at", "text", "author", "written_at"]

_CHANGES = "notes/changes"
"""A name of progress: how often notes were added or deleted. Of two changes at once, the second one starts again."""


class NoteError(ForeseenError):
    """A note can't be kept; the message says why. Nothing was written."""


def add_note(
    lake: Lake, text: str, starts_at: datetime, ends_at: datetime | None, author: str | None, at: datetime
) -> int:
    """Keep a note about a moment, or about a time that ends; return its number. Each call adds one.

    Raises NoteError for a text or a time that can't be kept, LakeError if the table can't be written.
    """
    said = one_line_text(text, "a note", LONGEST_NOTE)
    if not EARLIEST <= starts_at < LATEST or (ends_at is not None and not starts_at < ends_at < LATEST):
        raise NoteError(f"a note begins in {EARLIEST.year} or later and ends after that, before {LATEST.year}")

    def add() -> int:
        table = lake.table(NOTES)
        number = _next_number(table)
        row = {
            **dict.fromkeys(NOTES.schema),
            "note_id": number,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "text": said,
            "author": author,
            "written_at": at,
        }
        table.append(pl.DataFrame([row], schema=NOTES.schema), _once_more(table))
        return number

    return again_on_conflict(add)


def delete_note(lake: Lake, note_id: int, deleted_by: str | None, at: datetime) -> bool:
    """Take a note's text away and mark it as deleted; False if none of this number is shown. Raises LakeError."""

    def delete() -> bool:
        table, mine = lake.table(NOTES), f"note_id = {int(note_id)}"
        row = table.read(mine).filter(pl.col("deleted_at").is_null())
        if row.height:
            kinds = NOTES.schema
            marked = {
                "text": pl.lit(None, kinds["text"]),
                "deleted_at": pl.lit(at, kinds["deleted_at"]),
                "deleted_by": pl.lit(deleted_by, kinds["deleted_by"]),
            }
            table.replace(row.with_columns(**marked), mine, _once_more(table))
        return row.height > 0

    return again_on_conflict(delete)


def shown_notes(table: LakeTable) -> pl.DataFrame:
    """The notes that are not deleted, SHOWN, those about the newest times first. Raises LakeError."""
    rows = table.read().filter(pl.col("deleted_at").is_null())
    return rows.select(SHOWN).sort("starts_at", "note_id", descending=True)


def one_line_text(text: str, what: str, longest: int) -> str:
    """The text in one line, without blanks around it. Raises NoteError if it is empty, too long, or no text."""
    said = " ".join(text.split())
    if not 0 < len(said) <= longest:
        raise NoteError(f"{what} has 1 to {longest} characters, and this one has {len(said):,}")
    # Neither Parquet nor PostgreSQL can hold these.
    if "\0" in said or any("\ud800" <= letter <= "\udfff" for letter in said):
        raise NoteError(f"{what} can't have a null character or half of a surrogate pair")
    return said


def _next_number(table: LakeTable) -> int:
    numbers = table.read(columns=["note_id"]).to_series().to_list()
    return max(numbers, default=0) + 1


def _once_more(table: LakeTable) -> dict[str, int]:
    return {_CHANGES: (table.progress(_CHANGES) or 0) + 1}
