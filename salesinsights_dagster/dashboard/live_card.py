"""The card that says who is in the shop now: the last five minutes, and beside them the last hour.

Add here: how that looks. Not here: how it is counted (`live_now`).
"""

import polars as pl
from nicegui import ui

from salesinsights_dagster.dashboard.about import ABOUT_STYLE, defined_heading
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.customer_tiles import UNKNOWN
from salesinsights_dagster.dashboard.parts import csv_link
from salesinsights_dagster.dashboard.reading_notice import ReadingNotice

VISITORS = "Users with an event in these minutes (a view, a cart, a removal or a purchase), each counted once."
IN_CARTS = (
    "What was put into a cart in these minutes and neither taken out nor bought since, at the price when it was last "
    "put in. Older carts are not in it: they are the left carts of the Customers page."
)
BOUGHT = (
    "The money of all purchases in these minutes, returns taken off, and how many users bought. Whoever only returned "
    "something is no buyer."
)
CONVERSION = (
    "Buyers per 100 visitors of the same minutes. Whoever came in these minutes and buys later is not in it yet, and "
    "whoever buys now may have come earlier: over five minutes it moves much."
)

_STYLE = """
.si-now { display: grid; gap: 12px 24px; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); width: 100%; }
.si-now > div { container-type: inline-size; min-width: 0; }
.si-now h3 { font-size: .875rem; font-weight: 400; line-height: 1.5; margin: 0; }
"""


class LiveCard:
    """Visitors, carts, purchases and conversion of the whole shop, whatever the page is filtered by."""

    def __init__(self, currency: str | None) -> None:
        ui.add_css(ABOUT_STYLE + _STYLE)
        self._shown: pl.DataFrame | None = None
        money = f" ({currency})" if currency else ""
        about = "The whole shop, without filters, by the time at which things happened (event_time, in UTC)."
        with ui.element("section").classes("si-card min-w-0 w-full"):
            with ui.row().classes("w-full items-center justify-between no-wrap"):
                defined_heading("Live now: the last 5 minutes", about)
                csv_link("Live now", "/api/live-now?format=csv")
            self._notice = ReadingNotice()
            with ui.element("div").classes("si-now"):
                self._visitors = _Cell("Visitors", VISITORS)
                self._carts = _Cell(f"In carts{money}", IN_CARTS)
                self._bought = _Cell(f"Bought{money}", BOUGHT)
                self._conversion = _Cell("Conversion", CONVERSION)

    async def refresh(self, board: Board) -> None:
        """Show what the lake has now."""
        found = await self._notice.answer(board.live_now, wait=False)
        if found is not None and found is not self._shown:
            self._shown = found
            self._show(found)

    def _show(self, found: pl.DataFrame) -> None:
        few, hour = found.to_dicts()
        self._visitors.show(f"{few['visitors']:,}", f"60 minutes: {hour['visitors']:,}")
        left, left_hour = few["visitors_with_cart"], hour["visitors_with_cart"]
        self._carts.show(
            f"{few['cart_value']:,.2f}", f"of {_people(left)}; 60 minutes: {hour['cart_value']:,.2f} of {left_hour:,}"
        )
        self._bought.show(
            f"{few['revenue']:,.2f}",
            f"by {_people(few['buyers'])}; 60 minutes: {hour['revenue']:,.2f} by {hour['buyers']:,}",
        )
        self._conversion.show(_per_cent(few["conversion"]), f"60 minutes: {_per_cent(hour['conversion'])}")


class _Cell:
    def __init__(self, title: str, about: str) -> None:
        with ui.element("div"):
            defined_heading(title, about, "si-muted", level=3)
            self._figure = ui.label("…").classes("si-figure")
            self._note = ui.label("").classes("si-muted text-xs")

    def show(self, figure: str, note: str) -> None:
        self._figure.set_text(figure)
        self._note.set_text(note)


def _per_cent(conversion: float | None) -> str:
    return UNKNOWN if conversion is None else f"{conversion:.2f} %"


def _people(count: int) -> str:
    return "1 visitor" if count == 1 else f"{count:,} visitors"
