"""The notes below a chart over time: each in words, a button that deletes it, and a form for another one.

Add here: how notes are read, written and deleted on a page. Not here: their marks on the chart (`note_marks`).
"""

from collections.abc import Awaitable, Callable
from zoneinfo import ZoneInfo

import polars as pl
from nicegui import ui

from assets.viewers.notes import LONGEST_NOTE
from salesinsights_dagster.dashboard.known_notes import KnownNotes
from salesinsights_dagster.dashboard.note_marks import said_note
from salesinsights_dagster.dashboard.writers import Writer, why_not


class NoteList:
    """Notes of what is shown; `changed` is called when one was added or deleted here."""

    def __init__(
        self, notes: KnownNotes, zone: ZoneInfo, writer: Writer, changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._notes, self._zone, self._writer, self._changed = notes, zone, writer, changed
        self._list = ui.element("ul").classes("si-notes").props('aria-label="Notes"')
        if writer.may_write:
            with ui.expansion("Add a note").classes("w-full si-muted text-sm").props("dense") as self._form:
                self._place_form()
        self._wrong = ui.label("").classes("si-warn rounded px-3 py-1").props("role=status")
        self._wrong.set_visibility(False)

    def _place_form(self) -> None:
        with ui.row().classes("w-full items-center gap-3"):
            self._from, self._to = (
                ui.input(name).props("type=datetime-local outlined dense stack-label").classes("w-56")
                for name in (f"At ({self._zone.key})", "Until, if it lasted")
            )
            self._text = ui.input("What happened").props(f"outlined dense maxlength={LONGEST_NOTE}")
            self._text.classes("grow").on("keydown.enter", self._add)
            ui.button("Add", on_click=self._add).props("no-caps unelevated")

    def show(self, notes: pl.DataFrame) -> None:
        """Show these notes: SHOWN."""
        self._list.clear()
        self._list.set_visibility(notes.height > 0)
        with self._list:
            for note in notes.iter_rows(named=True):
                said = said_note(note, self._zone)
                with ui.element("li").classes("si-note"):
                    ui.label(said)
                    if self._writer.may_write:
                        self._delete_button(int(note["note_id"]), said)

    def _delete_button(self, note_id: int, said: str) -> None:
        button = ui.button(icon="close", color=None, on_click=lambda: self._delete(note_id))
        button.props("flat round dense size=sm").classes("si-muted")
        button.props["aria-label"] = f"Delete the note: {said}"

    async def _add(self) -> None:
        since, until, text = (str(field.value or "") for field in (self._from, self._to, self._text))
        if await self._done(lambda: self._notes.add(text, since, until, self._zone, self._writer.name)):
            for field in (self._from, self._to, self._text):
                field.set_value("")

    async def _delete(self, note_id: int) -> None:
        await self._done(lambda: self._notes.delete(note_id, self._writer.name))

    async def _done(self, change: Callable[[], object]) -> bool:
        """Whether the change was made; if it can't be, why is said below the list."""
        why = await why_not(change, self._writer)
        self._wrong.set_text(why)
        self._wrong.set_visibility(bool(why))
        if not why:
            await self._changed()
        return not why
