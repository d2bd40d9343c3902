"""The page about customers: what they are worth, by band, segment and cohort, and who is worth the most.

Add here: what this page shows. Not here: how it is computed (`customers`).
"""

from nicegui import run, ui

from assets.tables import ABANDONED_CARTS, CUSTOMER_VALUE
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.customers import Customers
from salesinsights_dagster.dashboard.parts import (
    ACCENT,
    GREY,
    NOT_COMPUTED,
    PLAIN_TIP,
    ChartCard,
    TableCard,
    page_frame,
)

_REVENUE = {"customers": "Customers", "revenue": "Revenue"}
_EACH = {**_REVENUE, "revenue_per_customer": "Per customer"}
_TABLES = {
    "segments": ("Segments", {"segment": "Segment", **_EACH}),
    "top_customers": (
        "Top 20 customers",
        {
            "user_id": "User",
            "revenue": "Revenue",
            "orders": "Orders",
            "average_order_value": "Average order",
            "last_order_at": "Last order (UTC)",
            "segment": "Segment",
        },
    ),
    "expected_customers": (
        "Highest expected value",
        {
            "user_id": "User",
            "predicted_value": "Expected value",
            "predicted_purchases": "Purchases",
            "probability_alive": "Still buys",
            "revenue": "Revenue so far",
            "segment": "Segment",
        },
    ),
    "leaving_customers": (
        "Likely lost: best customers who are not active any more",
        {
            "user_id": "User",
            "revenue": "Revenue",
            "probability_alive": "Still buys",
            "last_order_at": "Last order (UTC)",
        },
    ),
    "left_carts": (
        "Left in carts",
        {"user_id": "User", "cart_value": "Value", "items": "Items", "carted_at": "Last put in (UTC)"},
    ),
    "cohorts": (
        "By month of the first order",
        {"cohort": "Month", "came_back": "Came back", "orders": "Orders", **_EACH},
    ),
}


class CustomersPage:
    """One open page. It looks every 2 seconds; customer_value itself is refreshed every few minutes."""

    def __init__(self, board: Board, theme: str | None) -> None:
        self._board = board
        self._shown: Customers | None = None
        with page_frame("Customers", theme):
            self._count = ui.label("…").classes("text-lg font-semibold")
            with ui.element("div").classes("si-grid si-charts"):
                bands = {"band": "Revenue of a customer", **_REVENUE}
                self._bands = ChartCard("Customers by revenue", _bars(), "", bands, "300px")
                self._tables = {name: TableCard(title, columns) for name, (title, columns) in _TABLES.items()}
        ui.timer(2.0, self.refresh)

    async def refresh(self) -> None:
        """Show customer_value and the carts, if they have moved."""
        found = await run.io_bound(self._board.customers)
        if found is not None and found is not self._shown:
            self._shown = found
            self._show(found)

    def _show(self, found: Customers) -> None:
        self._count.set_text(_headline(found))
        series = {**_bars()["series"][0], "data": found.value_bands["customers"].to_list()}
        axis = {**_bars()["xAxis"], "data": found.value_bands["band"].to_list()}
        bands = found.value_bands if found.count else found.value_bands.clear()
        self._bands.show(
            {"series": [series], "xAxis": axis}, bands, "/api/customers/value_bands?format=csv", _empty(found, "bands")
        )
        for name, card in self._tables.items():
            card.show(getattr(found, name), f"/api/customers/{name}?format=csv", _empty(found, name))


def _empty(found: Customers, name: str) -> str:
    """What a card says that has no rows."""
    source = ABANDONED_CARTS if name == "left_carts" else CUSTOMER_VALUE
    if source.name in found.missing:
        return NOT_COMPUTED
    if name == "left_carts":
        return "Nothing was left in a cart."
    if not found.count:
        return "No customer yet."
    return "All customers are active." if name == "leaving_customers" else found.why or "No active customer."


def _headline(found: Customers) -> str:
    if CUSTOMER_VALUE.name in found.missing:
        return f"Customers: {NOT_COMPUTED[0].lower()}{NOT_COMPUTED[1:]}"
    if found.as_of is None:
        return "No customer yet"
    parts = [f"{found.count:,} customers, {found.active:,} of them active, as of {found.as_of}"]
    if found.is_behind and found.customers_at:
        parts.append(f"computed at {found.customers_at:%H:%M} UTC, newer purchases follow within minutes")
    if found.predicted is not None:
        parts.append(f"{found.predicted:,.2f} expected from them")
    elif found.why is not None:
        parts.append(f"expected from them: {found.why}")
    if ABANDONED_CARTS.name not in found.missing:
        at = f" at {found.carts_at:%H:%M} UTC" if found.is_behind and found.carts_at else ""
        parts.append(f"{found.in_carts:,.2f} left in carts{at}")
    return " · ".join(parts)


_NARROW = {"width": 36, "overflow": "break", "fontSize": 10, "lineHeight": 13}
"""Labels of several lines: seven of them have room on a phone."""


def _bars() -> dict:
    return {
        "grid": {"left": 8, "right": 16, "top": 24, "bottom": 4, "containLabel": True},
        "tooltip": PLAIN_TIP,
        "xAxis": {
            "type": "category",
            "data": [],
            "axisLabel": {"color": GREY, "interval": 0, **_NARROW},
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
