"""Notes: kept as they were written, numbered, and deleted with a trace."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from assets.tables import NOTES
from assets.viewers.notes import LONGEST_NOTE, NoteError, add_note, delete_note, shown_notes
from resources.lake import Lake
from tests.hostile_texts import HOSTILE
from tests.lakes import rows

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_deleted_note_leaves_a_row_without_its_text_that_says_who_deleted_it_and_when(lake: Lake) -> None:
    first = add_note(lake, "prices of runail up", NOON, None, "ann", NOON + HOUR)
    second = add_note(lake, " Black  Friday\n", NOON, NOON + HOUR, None, NOON)

    assert delete_note(lake, first, "bob", NOON + 2 * HOUR)
    assert not delete_note(lake, first, "eve", NOON + 3 * HOUR)
    assert not delete_note(lake, 99, "eve", NOON)

    assert (first, second) == (1, 2)
    assert shown_notes(lake.table(NOTES)).rows() == [(2, NOON, NOON + HOUR, "Black Friday", None, NOON)]
    assert rows(lake, NOTES).filter(note_id=1).rows() == [
        (1, NOON, None, None, "ann", NOON + HOUR, NOON + 2 * HOUR, "bob")
    ]
    assert add_note(lake, "a third", NOON, None, None, NOON) == 3


def test_notes_that_are_written_at_once_have_numbers_of_their_own(lake: Lake) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda n: add_note(lake, f"note {n}", NOON, None, None, NOON), range(4)))

    assert sorted(numbers) == [1, 2, 3, 4]
    assert sorted(rows(lake, NOTES)["text"]) == ["note 0", "note 1", "note 2", "note 3"]


def test_hostile_texts_are_kept_as_texts(lake: Lake) -> None:
    short = [text for text in HOSTILE if len(text) <= LONGEST_NOTE][::5]
    for text in short:
        add_note(lake, text, NOON, None, text, NOON)

    kept = shown_notes(lake.table(NOTES)).sort("note_id")

    assert kept["text"].to_list() == [" ".join(text.split()) for text in short]
    assert kept["author"].to_list() == short


@pytest.mark.parametrize(
    ("text", "starts_at", "ends_at"),
    [
        (" \n", NOON, None),
        ("x" * (LONGEST_NOTE + 1), NOON, None),
        ("nul\0nul", NOON, None),
        ("half \ud83d", NOON, None),
        ("x", NOON, NOON),
        ("x", datetime(2018, 12, 31, tzinfo=UTC), None),
        ("x", NOON, datetime(2100, 1, 1, tzinfo=UTC)),
    ],
)
def test_what_can_not_be_kept_is_refused(lake: Lake, text: str, starts_at: datetime, ends_at: datetime | None) -> None:
    with pytest.raises(NoteError):
        add_note(lake, text, starts_at, ends_at, None, NOON)

    assert rows(lake, NOTES).is_empty()
