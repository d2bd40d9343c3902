"""A choice of the time zone by whose days and clocks a page counts.

Add here: how a zone is chosen. Not here: which there are (`time_zones`), or when a day begins (`shop_days`).
"""

from collections.abc import Awaitable, Callable

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from salesinsights_dagster.time_zones import time_zones


class ZonePicker:
    """A field that finds a zone by a part of its name; `choose` is told which, or None for the shop's own."""

    def __init__(self, shown: str, home: str, choose: Callable[[str | None], Awaitable[None]]) -> None:
        self._home, self._choose = home, choose
        named = {home: f"{home} (the shop's)", **{zone: zone for zone in sorted(time_zones()) if zone != home}}
        field = ui.select(named, value=shown, label="Time zone", with_input=True, on_change=self._chosen)
        field.props("outlined dense options-dense").classes("w-60 si-zone")

    async def _chosen(self, chosen: ValueChangeEventArguments) -> None:
        if chosen.value:
            await self._choose(None if chosen.value == self._home else str(chosen.value))
