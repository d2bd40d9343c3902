"""The card of the movers: what rose and what fell the most, beside each other.

Add here: how movers look. Not here: how they are found (`movers`).
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal

import polars as pl
from nicegui import ui

from salesinsights_dagster.dashboard.currency import priced_columns
from salesinsights_dagster.dashboard.movers import LIMIT, Movers
from salesinsights_dagster.dashboard.parts import NOT_COMPUTED, NamedTable, csv_link, heading
from salesinsights_dagster.dashboard.picks import make_pickable, with_picks
from salesinsights_dagster.dashboard.product_names import ProductNames
from salesinsights_dagster.dashboard.view import View

_LEVELS = {"product": "Products", "brand": "Brands", "category": "Categories"}
_COLUMNS = {"revenue": "Revenue", "usual": "Usual", "per_cent": "Change"}


class MoversCard:
    """Products, brands or categories, chosen on the card."""

    def __init__(self, names: ProductNames, currency: str | None, follow: Callable[[str], Awaitable[None]]) -> None:
        self._names = names
        self._movers: Movers | None = None
        self._view, columns = View(), priced_columns(_COLUMNS, currency)
        with ui.element("section").classes("si-card min-w-0"):
            with ui.row().classes("w-full items-center justify-between gap-2"):
                heading("More and less than usual")
                self._csv = csv_link("More and less than usual")
            self._text = ui.label("").classes("si-muted text-sm pb-2")
            self._level = ui.toggle(_LEVELS, value="product", on_change=self._draw)
            self._level.props("no-caps unelevated dense padding='2px 12px' role=group aria-label='What rose and fell'")
            with ui.element("div").classes("si-grid si-pair"):
                self._rises = NamedTable("Rises", {"name": "Rises", **columns})
                self._falls = NamedTable("Falls", {"name": "Falls", **columns})
                for table in (self._rises, self._falls):
                    make_pickable(table, ["name"], follow)

    def show(self, view: View, movers: Movers) -> None:
        """Show the movers of a view."""
        if movers is not self._movers or view != self._view:
            self._movers, self._view = movers, view
            self._draw()

    def _draw(self) -> None:
        movers, level = self._movers, str(self._level.value)
        if movers is None:
            return
        self._text.set_text(said(self._view.shown.title, movers, self._view.range is not None))
        self._csv.props["href"] = f"/api/movers?{self._view.query}&by={level}&format=csv"
        self._csv.update()
        found = movers.levels[level]
        named = found.with_columns(self._named(level, found))
        values = "product_id" if level == "product" else level
        picked = with_picks(named, self._view, "name", level, values)
        rows = picked.select("name", *_COLUMNS, "change", "pick_name")
        rises = rows.filter(pl.col("change") > 0).head(LIMIT)
        falls = rows.filter(pl.col("change") < 0).sort("change").head(LIMIT)
        self._rises.show(_said(rises), _nothing(movers, level, "more"))
        self._falls.show(_said(falls), _nothing(movers, level, "less"))

    def _named(self, level: str, rows: pl.DataFrame) -> pl.Series:
        if level != "product":
            return rows[level].alias("name")
        labels = [
            self._names.label(product, brand) for product, brand in rows.select("product_id", "brand").iter_rows()
        ]
        return pl.Series("name", labels, pl.String)


def said(title: str, movers: Movers, is_over: bool = False) -> str:
    """What the movers are compared with, or why there are none."""
    if movers.why:
        return f"Not known: {movers.why}."
    when = title if is_over else f"{title} until {movers.end.astimezone(movers.zone):%H:%M}"
    if movers.times > 1:
        return f"{when}, against the mean of the same time in the {movers.times} weeks before."
    weeks = movers.step.days // 7
    return f"{when}, against the same time {'a week' if weeks == 1 else f'{weeks} weeks'} before."


def _nothing(movers: Movers, level: str, more: str) -> str:
    """What a table without rows says."""
    if movers.why:
        return "Not known."
    if level == "category" and not movers.has_categories:
        return NOT_COMPUTED
    return f"Nothing sells {more} than usual."


def _said(rows: pl.DataFrame) -> pl.DataFrame:
    """The change in per cent with its arrow; what is usually not sold at all is new, or has come back."""
    changes = [change_said(change, per_cent) for change, per_cent in rows.select("change", "per_cent").iter_rows()]
    return rows.with_columns(pl.Series("per_cent", changes, pl.String)).drop("change")


def change_said(change: Decimal, per_cent: float | None) -> str:
    """A change of revenue in words; `per_cent` is None where there is usually none."""
    arrow, otherwise = ("▲", "new") if change > 0 else ("▼", "returned")
    return f"{arrow} {abs(per_cent):,.0f} %" if per_cent is not None else f"{arrow} {otherwise}"
