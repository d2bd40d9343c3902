"""Filters on a page: set by a click on a row or a bar, shown as chips that take them away again.

Add here: how a filter is set, seen and taken away. Not here: what it leaves (`filters`).
"""

from collections.abc import Awaitable, Callable

import polars as pl
from nicegui import ui
from nicegui.events import GenericEventArguments

from salesinsights_dagster.dashboard.parts import NamedTable
from salesinsights_dagster.dashboard.product_names import ProductNames
from salesinsights_dagster.dashboard.view import View

Go = Callable[[View], Awaitable[None]]

_CELL = """
<q-td :props="props">
  <a v-if="props.row.NAME" :href="'/?' + props.row.NAME" class="si-pick"
     @click.exact.prevent="$parent.$emit('pick', props.row.NAME)">{{ props.value }}</a>
  <template v-else>{{ props.value }}</template>
</q-td>
"""
"""A link, so that it works by keyboard and opens in a tab of its own too."""


def make_pickable(table: NamedTable, columns: list[str], follow: Callable[[str], Awaitable[None]]) -> None:
    """Make links of these columns' cells that have an address, as `with_picks` gives it; `follow` is told which."""
    for name in columns:
        table.table.add_slot(f"body-cell-{name}", _CELL.replace("NAME", f"pick_{name}"))

    async def picked(event: GenericEventArguments) -> None:
        await follow(str(event.args))

    table.table.on("pick", picked)


def with_picks(rows: pl.DataFrame, view: View, column: str, kind: str, values: str | None = None) -> pl.DataFrame:
    """The rows with what a click on a column shows: the view with a filter of this kind, by the column `values`."""
    given = rows[values or column]
    picks = [None if value is None else view.only(kind, str(value)).query for value in given]
    return rows.with_columns(pl.Series(f"pick_{column}", picks, pl.String))


class Chips:
    """The filters of a view, each a button that takes it away."""

    def __init__(self, names: ProductNames, go: Go) -> None:
        self._names, self._go = names, go
        self._row = ui.row().classes("items-center gap-2").props('role=group aria-label="Filters"')
        self._row.set_visibility(False)

    def show(self, view: View) -> None:
        """Show the filters of a view."""
        self._row.clear()
        self._row.set_visibility(bool(view.filters or view.zone))
        with self._row:
            for kind, value in view.filters.items():
                text = self._names.label(int(value)) if kind == "product" else value
                self._chip(kind, text, f"Take away the filter: {kind} {text}", view.only(kind, None))
            if view.zone:
                self._chip("Time zone", view.zone, f"Back from {view.zone} to the shop's time zone", view.at_home())
            if view.product is not None:
                ui.link("About this product", f"/product?search={view.product}").classes("text-sm")

    def _chip(self, kind: str, text: str, name: str, without: View) -> None:
        chip = ui.button(f"{kind.capitalize()}: {text}", color=None, on_click=lambda: self._go(without))
        chip.props("no-caps unelevated rounded dense icon-right=close padding='2px 12px'").classes("si-even")
        chip.props["aria-label"] = name
