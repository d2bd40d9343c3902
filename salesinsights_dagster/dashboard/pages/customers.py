"""The page about customers: segments first, what is expected of them, who came back, who to write to.

Add here: what this page shows of all customers. Not here: one customer (`customer`), or how figures are computed
(`dashboard.customers`).
"""

from decimal import Decimal

from nicegui import ui

from assets.customers.expected_sales import WHOLE
from assets.tables import (
    ABANDONED_CARTS,
    COHORT_RETENTION,
    CUSTOMER_VALUE,
    EXPECTED_SALES,
    SALES_BACKTEST,
    SEGMENT_MOVES,
    SEGMENTS,
)
from resources.table_layout import TableLayout
from salesinsights_dagster.dashboard import customer_terms as terms
from salesinsights_dagster.dashboard.about import defined_heading
from salesinsights_dagster.dashboard.audiences_card import AudiencesCard
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.customer_lists import CustomerTable, ListsCard
from salesinsights_dagster.dashboard.customer_tiles import UNKNOWN, DefinedTile, change_of
from salesinsights_dagster.dashboard.customers import Customers
from salesinsights_dagster.dashboard.customers_style import CUSTOMERS_STYLE
from salesinsights_dagster.dashboard.outlook_card import OutlookCard, said_before, said_interval
from salesinsights_dagster.dashboard.pages.customer import CustomerView, Searched, search_field
from salesinsights_dagster.dashboard.parts import (
    ACCENT,
    GREY,
    NOT_COMPUTED,
    PLAIN_TIP,
    ChartCard,
    column,
    csv_link,
    page_frame,
)
from salesinsights_dagster.dashboard.reading_notice import ReadingNotice
from salesinsights_dagster.dashboard.retention_card import RetentionCard
from salesinsights_dagster.dashboard.segment_moves_card import MovesCard, moved
from salesinsights_dagster.dashboard.segments_card import MONTHS, SegmentsCard, customers_by_month, end_before

_REVENUE = {"customers": "Customers", "revenue": "Revenue"}
_CARTS = {
    "user_id": "Customer",
    "cart_value": "Value",
    "items": "Items",
    "carted_at": "Last put in (UTC)",
    "segment": "Segment",
}
_NO_CUSTOMER = "Nobody has bought anything yet."
_UNTESTED = (
    "No past month can be tested yet: one must be over, and have 60 days with sales before it. Earlier months can be "
    "loaded with salesinsights backfill."
)


class CustomersPage:
    """One open page, about all customers or about the one whose number is `wanted`. It looks every 2 seconds."""

    def __init__(self, board: Board, wanted: str, theme: str | None) -> None:
        self._board = board
        self._shown: Customers | None = None
        ui.add_css(CUSTOMERS_STYLE)
        with page_frame("Customers", theme):
            with ui.row().classes("w-full items-center justify-between gap-3"):
                search_field(wanted, theme)
                self._clock = ui.label("Looking at the lake …").classes("si-muted text-sm")
            self._notice = ReadingNotice()
            self._one = CustomerView(board, wanted) if wanted.strip() else None
            if self._one is None:
                self._build()
        ui.timer(2.0, self.refresh)

    def _build(self) -> None:
        with ui.element("div").classes("si-grid si-tiles si-wide"):
            self._count = DefinedTile("Customers", terms.CUSTOMERS)
            self._active = DefinedTile("Active", terms.ACTIVE)
            self._new = DefinedTile("New customers", terms.NEW)
            self._back = DefinedTile("Won back", terms.WON_BACK)
            self._lost = DefinedTile("Lost", terms.LOST, more_is_good=False)
            self._expected = DefinedTile("Expected sales", terms.EXPECTED)
            self._carts = DefinedTile("Left in carts", terms.CARTS)
        self._segments = SegmentsCard()
        with ui.element("div").classes("si-grid si-charts"):
            with column():
                self._outlook = OutlookCard()
                self._retention = RetentionCard()
                with ui.element("section").classes("si-card min-w-0"):
                    with ui.row().classes("w-full items-center justify-between no-wrap"):
                        defined_heading("Left carts", terms.LEFT_CARTS)
                        csv_link("Left carts", "/api/customers/left_carts?format=csv")
                    self._left = CustomerTable("Left carts", _CARTS)
            with column():
                self._moves = MovesCard()
                self._lists = ListsCard(why_empty)
                self._audiences = AudiencesCard()
                bands = {"band": "Revenue of a customer", **_REVENUE}
                self._bands = ChartCard("Customers by revenue so far", _bars(), "", bands, "260px")
                self._bands.say(terms.BANDS)

    async def refresh(self) -> None:
        """Show what gold has, if it has something new."""
        answer = await self._notice.answer(self._ask)
        if answer is None or answer[0] is self._shown:
            return
        found, one = answer
        self._shown = found
        self._clock.set_text(said_clock(found, self._board.currency))
        if self._one is None:
            self._show(found)
        elif one is not None:
            self._one.show(one)

    def _ask(self) -> tuple[Customers, Searched | None]:
        """What is new of all customers, and of the one that the page is about."""
        found = self._board.customers()
        return found, None if self._one is None or found is self._shown else self._one.ask()

    def _show(self, found: Customers) -> None:
        self._show_counts(found)
        self._show_expected(found)
        self._segments.show(found, why_empty(found, "segment_months"))
        self._moves.show(found, why_empty(found, "segment_moves"))
        untested = NOT_COMPUTED if found.is_missing(SALES_BACKTEST) else _UNTESTED
        self._outlook.show(found, why_empty(found, "expected_sales"), untested)
        self._retention.show(found.retention, why_empty(found, "retention"))
        self._lists.show(found)
        self._audiences.show(found)
        self._left.show(found.left_carts.select(list(_CARTS)), why_empty(found, "left_carts"))
        series = {**_bars()["series"][0], "data": found.value_bands["customers"].to_list()}
        axis = {**_bars()["xAxis"], "data": found.value_bands["band"].to_list()}
        bands = found.value_bands if found.count else found.value_bands.clear()
        csv = "/api/customers/value_bands?format=csv"
        self._bands.show({"series": [series], "xAxis": axis}, bands, csv, why_empty(found, "value_bands"))

    def _show_counts(self, found: Customers) -> None:
        months, end = found.segment_months, end_before(found.segment_months)
        counted = (
            (self._count, found.count, months, ""),
            (self._active, found.active, months.filter("is_active"), f"{_share(found)} of all. "),
        )
        for tile, count, rows, share in counted:
            if not found.count:
                tile.show(UNKNOWN if found.is_missing(CUSTOMER_VALUE) else "0", why_empty(found, "segments"))
                continue
            course = customers_by_month(rows)
            was = course[-2] if end else None
            note = "No month before to compare with" if end is None else f"{end:%d %b %Y}: {was:,}"
            tile.show(f"{count:,}", f"{share}{note}", change_of(count, was), [float(one) for one in course[-MONTHS:]])
        self._show_moves(found)
        carts = found.carts
        if found.is_missing(ABANDONED_CARTS):
            self._carts.show(UNKNOWN, NOT_COMPUTED)
        else:
            note = f"By {carts.users:,} users. Last 7 days: {carts.newest:,.0f}; 7 days before: {carts.before:,.0f}"
            self._carts.show(f"{carts.value:,.0f}", note if carts.users else "Nothing is left in a cart.")

    def _show_moves(self, found: Customers) -> None:
        months = sorted(found.segment_moves["month"].unique())
        active = set(found.segment_months.filter("is_active")["segment"])
        tiles = (self._new, self._back, self._lost)
        if not months:
            for tile in tiles:
                tile.show(UNKNOWN, why_empty(found, "segment_moves"))
            return
        now, then = (moved(found.segment_moves, month, active) for month in (months[-1], months[-2:][0]))
        for place, tile in enumerate(tiles):
            note = f"All of {months[-2]:%B}: {then[place]:,}" if len(months) > 1 else "No month before to compare with"
            tile.show(f"{now[place]:,}", f"So far in {months[-1]:%B}. {note}")

    def _show_expected(self, found: Customers) -> None:
        days = min(found.horizons, default=0)
        whole = found.expected(WHOLE, days)
        if whole.is_empty() or whole.item(0, "revenue") is None:
            self._expected.show(UNKNOWN, why_empty(found, "expected_sales"))
            return
        row = whole.row(0, named=True)
        sold = found.sold_before.get(days)
        note = f"In {days} days, 90 %: {said_interval(row, 'revenue')}. {said_before(found, days)}"
        change = None if not sold else (100 * (row["revenue"] - sold) / sold).quantize(Decimal("0.1"))
        self._expected.show(f"{row['revenue']:,.0f}", note, change)


def _share(found: Customers) -> str:
    return f"{100 * found.active / found.count:.0f} %" if found.count else ""


_SOURCES: dict[str, TableLayout] = {
    "left_carts": ABANDONED_CARTS,
    "segment_months": SEGMENTS,
    "segment_moves": SEGMENT_MOVES,
    "expected_sales": EXPECTED_SALES,
    "retention": COHORT_RETENTION,
}
"""What is shown that comes from other tables than customer_value."""


def why_empty(found: Customers, name: str) -> str:
    """What a card says that has no rows."""
    if found.is_missing(_SOURCES.get(name, CUSTOMER_VALUE)):
        return NOT_COMPUTED
    if name == "left_carts":
        return "Nothing is left in a cart."
    if name == "retention":
        return "Nobody has been seen in the shop yet."
    if found.is_missing(CUSTOMER_VALUE):
        return NOT_COMPUTED
    if not found.count:
        return _NO_CUSTOMER
    if name == "leaving_customers":
        return "All customers are active."
    return f"Nothing is expected: {found.why}." if found.why else "No active customer."


def said_clock(found: Customers, currency: str | None = None) -> str:
    """Up to when the figures hold, and in which currency the money is, if the shop has set one."""
    if found.is_missing(CUSTOMER_VALUE):
        return NOT_COMPUTED
    if found.as_of is None or found.customers_at is None:
        return "No customer yet"
    newer = ", newer purchases follow within minutes" if found.is_behind else ""
    money = f". Money in {currency}" if currency else ""
    return f"Up to {found.as_of:%d %b %Y}, computed at {found.customers_at:%d %b %H:%M} UTC{newer}{money}"


_NARROW = {"width": 36, "overflow": "break", "fontSize": 10, "lineHeight": 13}
"""Labels of several lines: seven of them have room on a phone."""
_ONE_WORD_A_LINE = "label => label.replaceAll(' ', '\\n')"
"""ECharts itself would break a line within 1,000."""


def _bars() -> dict:
    return {
        "grid": {"left": 8, "right": 16, "top": 24, "bottom": 4, "containLabel": True},
        "tooltip": PLAIN_TIP,
        "xAxis": {
            "type": "category",
            "data": [],
            "axisLabel": {"color": GREY, "interval": 0, **_NARROW, ":formatter": _ONE_WORD_A_LINE},
            "axisTick": {"show": False},
        },
        "yAxis": {"type": "value", "show": False},
        "series": [
            {
                "type": "bar",
                "data": [],
                "itemStyle": {"color": ACCENT, "borderRadius": [5, 5, 0, 0]},
                "label": {"show": True, "position": "top", "color": GREY},
            }
        ],
    }
