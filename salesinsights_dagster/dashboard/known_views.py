"""The saved views that the pages offer: loaded again when one was saved or deleted, at once where that was done here.

Add here: how the dashboard keeps them. Not here: their table (`assets.viewers.saved_views`), the menu (`views_button`).
"""

from collections.abc import Callable
from datetime import datetime

import polars as pl

from assets.tables import SAVED_VIEWS
from assets.viewers.saved_views import delete_view, save_view
from resources.lake import Lake
from salesinsights_dagster.dashboard.view import View


class KnownViews:
    """The views of a lake, by name; none before the first `refresh`. Any thread may ask."""

    def __init__(self, lake: Lake, clock: Callable[[], datetime]) -> None:
        self._lake, self._clock = lake, clock
        self._version: int | None = None
        self.all = pl.DataFrame(schema=SAVED_VIEWS.schema)

    def refresh(self) -> None:
        """Load the views again if the table has moved. Raises LakeError if it can't be read."""
        table = self._lake.table(SAVED_VIEWS)
        if table.version != self._version:
            self.all, self._version = table.read().sort("name"), table.version

    def save(self, name: str, view: View, author: str | None) -> str:
        """Keep a view under a name; return the name as it is kept. Raises NoteError, LakeError."""
        kept = save_view(self._lake, name, view.query, author, self._clock())
        self.refresh()
        return kept

    def delete(self, name: str) -> bool:
        """Delete a view; False if there is none of this name. Raises LakeError."""
        is_deleted = delete_view(self._lake, name)
        self.refresh()
        return is_deleted
