"""Saved views: one for each name, and any text may be a name."""

from datetime import UTC, datetime, timedelta

import pytest

from assets.tables import SAVED_VIEWS
from assets.viewers.notes import NoteError
from assets.viewers.saved_views import LONGEST_NAME, delete_view, save_view
from resources.lake import Lake
from tests.hostile_texts import HOSTILE
from tests.lakes import rows

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_name_has_one_view_the_last_that_was_saved(lake: Lake) -> None:
    assert save_view(lake, " This  week ", "span=week", "ann", NOON) == "This week"
    save_view(lake, "Runail", "brand=runail", None, NOON)
    save_view(lake, "This week", "span=week&compare=year", "bob", NOON + HOUR)

    assert rows(lake, SAVED_VIEWS).rows() == [
        ("Runail", "brand=runail", None, NOON),
        ("This week", "span=week&compare=year", "bob", NOON + HOUR),
    ]
    assert delete_view(lake, "This week")
    assert not delete_view(lake, "This week")
    assert rows(lake, SAVED_VIEWS)["name"].to_list() == ["Runail"]


def test_any_text_may_be_a_name(lake: Lake) -> None:
    names = {" ".join(text.split()) for text in HOSTILE[::4] if len(text) <= LONGEST_NAME}
    for name in names:
        save_view(lake, name, "span=week", name, NOON)

    assert set(rows(lake, SAVED_VIEWS)["name"]) == names
    assert all(delete_view(lake, name) for name in names)
    assert rows(lake, SAVED_VIEWS).is_empty()


@pytest.mark.parametrize("name", ["", " \n", "x" * (LONGEST_NAME + 1), "nul\0nul", "half \ud83d"])
def test_what_is_no_name_is_refused(lake: Lake, name: str) -> None:
    with pytest.raises(NoteError):
        save_view(lake, name, "span=week", None, NOON)
