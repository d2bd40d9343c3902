"""Views that somebody gave a name, for all users of the shop: kept, listed, deleted.

Add here: what may be done with a saved view. Not here: what a view is (`salesinsights_dagster.dashboard.view`).
"""

from datetime import datetime

import polars as pl

from assets.tables import SAVED_VIEWS
from assets.viewers.notes import one_line_text
from resources.lake import Lake
from resources.lake_errors import again_on_conflict

LONGEST_NAME = 60
"""Characters: a name is read in a menu."""

_CHANGES = "saved_views/changes"
"""A name of progress: how often a view was saved or deleted. Of two changes at once, the second one starts again."""


def save_view(lake: Lake, name: str, query: str, author: str | None, at: datetime) -> str:
    """Keep a view's parameters under a name, in place of the view that had it; return the name as it is kept.

    Saving the same again changes nothing but the author and the time. Raises NoteError for a name that can't be kept,
    LakeError if the table can't be written.
    """
    kept = one_line_text(name, "a view's name", LONGEST_NAME)
    row = {"name": kept, "query": query, "author": author, "saved_at": at}
    _change(lake, kept, pl.DataFrame([row], schema=SAVED_VIEWS.schema))
    return kept


def delete_view(lake: Lake, name: str) -> bool:
    """Delete the view of this name; False if there is none. Raises LakeError."""
    return _change(lake, name, pl.DataFrame(schema=SAVED_VIEWS.schema))


def _change(lake: Lake, name: str, now: pl.DataFrame) -> bool:
    """Put these rows in place of those of a name; False if that changes nothing."""

    def change() -> bool:
        table = lake.table(SAVED_VIEWS)
        held = table.read()
        others = held.filter(pl.col("name") != name)
        if others.height == held.height and now.is_empty():
            return False
        # The table is a few rows; a name is any text, and no predicate has to quote it.
        table.replace(pl.concat([others, now]).sort("name"), None, {_CHANGES: (table.progress(_CHANGES) or 0) + 1})
        return True

    return again_on_conflict(change)
