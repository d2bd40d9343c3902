"""The card of the moves: who became what, this month or in the month before.

Add here: how moves look. Not here: how they are counted (`assets.customers.segment_months`).
"""

from collections.abc import Collection
from datetime import date

import polars as pl
from nicegui import ui

from assets.customers.segment_months import NO_CUSTOMER
from salesinsights_dagster.dashboard import customer_terms as terms
from salesinsights_dagster.dashboard.about import defined_heading
from salesinsights_dagster.dashboard.customers import Customers
from salesinsights_dagster.dashboard.parts import NamedTable, csv_link

SHOWN = 15
"""The moves of the most customers."""

_COLUMNS = {"from_segment": "From", "to_segment": "To", "customers": "Customers", "revenue": "Revenue so far"}
_CHOICES = {"now": "This month", "before": "Month before"}


class MovesCard:
    """The largest moves of a month, chosen on the card."""

    def __init__(self) -> None:
        self._shown: tuple[Customers, str] | None = None
        with ui.element("section").classes("si-card min-w-0"):
            with ui.row().classes("w-full items-center justify-between no-wrap"):
                defined_heading("Who became what", terms.MOVES)
                csv_link("Who became what", "/api/customers/segment_moves?format=csv")
            self._month = ui.toggle(_CHOICES, value="now", on_change=self._draw)
            self._month.props("no-caps unelevated dense padding='2px 12px' role=group aria-label='Which month'")
            self._said = ui.label("").classes("si-muted text-sm py-1")
            self._table = NamedTable("Who became what", _COLUMNS)

    def show(self, found: Customers, empty: str) -> None:
        """Show the moves, or what `empty` says where there are none."""
        self._shown = found, empty
        self._draw()

    def _draw(self) -> None:
        if self._shown is None:
            return
        found, empty = self._shown
        months = sorted(found.segment_moves["month"].unique())
        wanted = months[-1:] if self._month.value == "now" else months[-2:-1]
        rows = found.segment_moves.filter(pl.col("month").is_in(wanted))
        moved = rows.filter(pl.col("from_segment") != pl.col("to_segment")).sort(
            "customers", "from_segment", "to_segment", descending=[True, False, False]
        )
        stayed = int(rows["customers"].sum()) - int(moved["customers"].sum())
        said = f"{wanted[0]:%B %Y}: {moved['customers'].sum():,} customers moved, {stayed:,} stayed." if wanted else ""
        self._said.set_text(said)
        nothing = "The lake's sales begin in this month: nobody was a customer before."
        self._table.show(moved.head(SHOWN).select(list(_COLUMNS)), empty if months and wanted else empty or nothing)


def moved(moves: pl.DataFrame, month: date, active: Collection[str]) -> tuple[int, int, int]:
    """How many customers a month brought: new, back among the active, and lost."""
    rows = moves.filter(pl.col("month") == month)
    was, became = pl.col("from_segment").is_in(list(active)), pl.col("to_segment").is_in(list(active))
    is_new = pl.col("from_segment") == NO_CUSTOMER
    counted = (is_new, ~is_new & ~was & became, was & ~became)
    new, back, lost = (int(rows.filter(one)["customers"].sum()) for one in counted)
    return new, back, lost
