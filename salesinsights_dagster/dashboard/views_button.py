"""A button that opens the saved views: each a link, with a button that deletes it, and a field to save what is shown.

Add here: how views are chosen, saved and deleted on a page. Not here: how they are kept (`known_views`).
"""

from collections.abc import Callable
from urllib.parse import parse_qsl

from nicegui import ui

from assets.viewers.saved_views import LONGEST_NAME
from salesinsights_dagster.dashboard.known_views import KnownViews
from salesinsights_dagster.dashboard.view import View, ViewError
from salesinsights_dagster.dashboard.writers import Writer, why_not


class ViewsButton:
    """Opens a form with the views of all users; `address` makes the address of a view."""

    def __init__(self, views: KnownViews, writer: Writer, address: Callable[[View], str]) -> None:
        self._views, self._writer, self._address = views, writer, address
        self._view = View()
        self._button = ui.button("Views", color=None, on_click=self._turn)
        self._button.props("no-caps unelevated dense aria-expanded=false icon=bookmarks padding='4px 14px'")
        self._button.classes("si-even rounded-lg")

    def place_form(self) -> None:
        """Put the form here; it is seen once the button was pressed."""
        with ui.element("section").classes("si-card si-tools w-full") as self._form:
            self._form.props["aria-label"] = "Saved views"
            self._list = ui.element("ul").classes("si-views")
            self._none = ui.label("No view is saved yet.").classes("si-muted text-sm")
            if self._writer.may_write:
                with ui.row().classes("items-center gap-3 pt-2"):
                    self._name = ui.input("Name of what is shown").props(f"outlined dense maxlength={LONGEST_NAME}")
                    self._name.classes("w-64").on("keydown.enter", self._save)
                    ui.button("Save", on_click=self._save).props("no-caps unelevated")
            self._wrong = ui.label("").classes("si-warn rounded px-3 py-1").props("role=status")
            self._wrong.set_visibility(False)
        self._form.set_visibility(False)

    def show(self, view: View) -> None:
        """Say what is shown, which is what *Save* keeps."""
        self._view = view

    def _turn(self) -> None:
        self._draw()
        self._form.set_visibility(not self._form.visible)
        self._button.props(f"aria-expanded={str(self._form.visible).lower()}")

    def _draw(self) -> None:
        self._list.clear()
        rows = self._views.all.select("name", "query").rows()
        self._none.set_visibility(not rows)
        with self._list:
            for name, query in rows:
                self._row(name, query)

    def _row(self, name: str, query: str) -> None:
        try:
            # Whatever the table holds: the address is that of a view.
            address = self._address(View.read(dict(parse_qsl(query))))
        except ViewError:
            address = "/"
        with ui.element("li").classes("flex items-center gap-1"):
            ui.link(name, address)
            if self._writer.may_write:
                button = ui.button(icon="close", color=None, on_click=lambda: self._delete(name))
                button.props("flat round dense size=sm").classes("si-muted")
                button.props["aria-label"] = f"Delete the view: {name}"

    async def _save(self) -> None:
        name, view = str(self._name.value or ""), self._view
        if await self._done(lambda: self._views.save(name, view, self._writer.name)):
            self._name.set_value("")

    async def _delete(self, name: str) -> None:
        await self._done(lambda: self._views.delete(name))

    async def _done(self, change: Callable[[], object]) -> bool:
        """Whether the change was made; if it can't be, why is said in the form."""
        why = await why_not(change, self._writer)
        self._wrong.set_text(why)
        self._wrong.set_visibility(bool(why))
        self._draw()
        return not why
