"""A button that opens a form for a free range of time, and says which one is shown.

Add here: how a range is chosen. Not here: what may be chosen (`free_range`).
"""

from collections.abc import Callable
from datetime import date, timedelta

from nicegui import ui

from salesinsights_dagster.dashboard.free_range import MOST_DAYS
from salesinsights_dagster.dashboard.picks import Go
from salesinsights_dagster.dashboard.view import View, ViewError


class RangeButton:
    """Asks for two times by the clocks of the page, or offers some by name; what can't be shown is said in the form.

    `today` is the day by these clocks.
    """

    def __init__(self, view: View, today: Callable[[], date], go: Go) -> None:
        self._view, self._today, self._go = view, today, go
        self._button = ui.button("", color=None, on_click=self._turn)
        self._button.props(
            "no-caps unelevated dense aria-expanded=false icon=calendar_month padding='4px 14px'"
        ).classes("si-even rounded-lg")
        self.show(view)

    def place_form(self) -> None:
        """Put the form here; it is seen once the button was pressed."""
        with ui.row().classes("si-card items-center gap-3").props('role=group aria-label="Other time"') as self._form:
            self._from, self._to = (
                ui.input(name).props("type=datetime-local step=900 outlined dense stack-label")
                for name in ("From", "Until")
            )
            ui.button("Show", on_click=self._choose).props("no-caps unelevated")
            for name in ("Yesterday", "Since Monday", "This month"):
                button = ui.button(name, color=None, on_click=lambda name=name: self._go_to(name))
                button.props("no-caps unelevated dense padding='4px 12px'").classes("si-even rounded-lg")
            ui.label(f"whole quarters of an hour, at most {MOST_DAYS} days").classes("si-muted text-sm")
            self._wrong = ui.label("").classes("si-warn rounded px-3 py-1").props("role=status")
        self._form.set_visibility(False)

    def show(self, view: View) -> None:
        """Say which range a view has."""
        self._view = view
        self._button.set_text(view.range.title if view.range else "Other time")

    def _turn(self) -> None:
        if self._view.range:
            self._from.set_value(f"{self._view.range.start:%Y-%m-%dT%H:%M}")
            self._to.set_value(f"{self._view.range.end:%Y-%m-%dT%H:%M}")
        self._wrong.set_visibility(False)
        self._form.set_visibility(not self._form.visible)
        self._button.props(f"aria-expanded={str(self._form.visible).lower()}")

    async def _go_to(self, name: str) -> None:
        self._turn()
        await self._go(self._view.between(*named_range(name, self._today())))

    async def _choose(self) -> None:
        try:
            chosen = self._view.between(str(self._from.value or ""), str(self._to.value or ""))
        except ViewError as error:
            self._wrong.set_text(f"{error}.")
            self._wrong.set_visibility(True)
            return
        self._turn()
        await self._go(chosen)


def named_range(name: str, today: date) -> tuple[str, str]:
    """The first and the last day of a time that has a name, as an address has them."""
    first = {
        "Yesterday": today - timedelta(days=1),
        "Since Monday": today - timedelta(days=today.weekday()),
        "This month": today.replace(day=1),
    }[name]
    return first.isoformat(), (first if name == "Yesterday" else today).isoformat()
