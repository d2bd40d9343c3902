"""One customer on the Customers page: what they are worth, what is expected, and what they did.

Add here: what is shown of one customer. Not here: how it is found (`one_customer`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import polars as pl
from nicegui import ui

from assets.customers.lifetime_model import BY_MODEL
from salesinsights_dagster.dashboard import customer_terms as terms
from salesinsights_dagster.dashboard.about import defined_heading
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.customer_lists import CustomerTable
from salesinsights_dagster.dashboard.customer_tiles import UNKNOWN, DefinedTile
from salesinsights_dagster.dashboard.one_customer import (
    AGO_DAYS,
    CART,
    KINDS,
    ORDER,
    RETURN,
    SESSION,
    SPAN_DAYS,
    OneCustomer,
    is_number,
)
from salesinsights_dagster.dashboard.parts import (
    ACCENT,
    GREY,
    NOT_COMPUTED,
    PLAIN_TIP,
    NamedTable,
    chart,
    csv_link,
    heading,
    plain_tip,
)

ROWS = 100
"""So many rows of the timeline are listed; the CSV has all."""

LONGEST = 90
"""So many characters of a row are listed; the CSV has all."""

_FOUND = {
    "user_id": "Customer",
    "revenue": "Revenue so far",
    "orders": "Orders",
    "last_order_at": "Last order (UTC)",
    "segment": "Segment",
}
_TIMELINE = {"at": "When (UTC)", "name": "What", "step": "More", "value": "Value"}
_COLOURS = {ORDER: ACCENT, RETURN: "#d8574f", CART: "#e0902a", SESSION: GREY}


def search_field(wanted: str, theme: str | None) -> None:
    """Where a customer's number is typed; an empty one leads back to all customers."""
    with ui.row().classes("items-center gap-3"):
        search = ui.input("Customer number", value=wanted).props("outlined dense clearable inputmode=numeric")
        search.classes("w-60").on("keydown.enter", lambda: ui.navigate.to(address(str(search.value or ""), theme)))
        if wanted.strip():
            ui.link("All customers", address("", theme))


def address(wanted: str, theme: str | None) -> str:
    """The page's address for what is searched, in the same theme."""
    chosen = {"customer": wanted.strip(), "theme": theme or ""}
    asked = "&".join(f"{name}={quote(value)}" for name, value in chosen.items() if value)
    return f"/customers?{asked}" if asked else "/customers"


@dataclass(frozen=True)
class Searched:
    """The customer of the number, None if it is none, and others whose number begins with it."""

    one: OneCustomer | None
    others: pl.DataFrame


class CustomerView:
    """The customer with the number `wanted`, and those whose number begins with it."""

    def __init__(self, board: Board, wanted: str) -> None:
        self._board, self._wanted = board, wanted.strip()
        self._title = heading("…").classes("text-lg font-semibold")
        self._said = ui.label("").classes("si-muted text-sm")
        self._card = ui.element("div").classes("w-full flex flex-col gap-4")
        self._card.set_visibility(False)
        with self._card:
            with ui.element("div").classes("si-grid si-tiles si-wide"):
                self._revenue = DefinedTile("Revenue so far", terms.REVENUE)
                self._orders = DefinedTile("Orders", terms.ORDERS)
                self._chance = DefinedTile("P(active)", terms.P_ACTIVE)
                self._far = DefinedTile("Expected value", terms.EXPECTED_VALUE)
                self._segment = DefinedTile("Segment", terms.SEGMENT)
                self._cart = DefinedTile("In the cart", terms.IN_CART)
            with ui.element("section").classes("si-card min-w-0 w-full"):
                with ui.row().classes("w-full items-center justify-between no-wrap"):
                    defined_heading("Timeline", terms.TIMELINE)
                    self._csv = csv_link("Timeline")
                self._since = ui.label("").classes("si-muted text-sm")
                self._chart = chart("Timeline", _lanes(), "220px")
                self._timeline = NamedTable("Timeline", _TIMELINE)
        with ui.element("section").classes("si-card min-w-0 w-full") as self._others:
            with ui.row().classes("w-full items-center justify-between no-wrap"):
                heading(f"Customers whose number begins with {self._wanted[:20]}")
                csv_link("Found customers", f"/api/customers?search={quote(self._wanted)}&format=csv")
            self._found = CustomerTable("Found customers", _FOUND)
        self._others.set_visibility(False)

    def ask(self) -> Searched:
        """What the lake has of what is searched. Raises LakeError if it can't be read."""
        if not is_number(self._wanted):
            return Searched(None, pl.DataFrame())
        one = self._board.customer(int(self._wanted))
        others = self._board.find_customers(self._wanted).filter(pl.col("user_id") != one.user_id)
        return Searched(one, others.select(list(_FOUND)))

    def show(self, searched: Searched) -> None:
        """Show what was found."""
        if searched.one is None:
            self._title.set_text(f"{self._wanted[:40]} is no customer's number")
            self._said.set_text("A customer is found by number, the user_id of the shop's events: digits alone.")
            return
        self._show(searched.one)
        self._others.set_visibility(searched.others.height > 0)
        self._found.show(searched.others, "")

    def _show(self, one: OneCustomer) -> None:
        title, said = headline(one)
        self._title.set_text(title)
        self._said.set_text(said)
        self._card.set_visibility(one.is_known)
        self._show_worth(one)
        self._csv.props["href"] = f"/api/customers/{one.user_id}/timeline?format=csv"
        self._csv.update()
        since = f"Sessions since {one.sessions_since:%d %b %Y}" if one.sessions_since else "No sessions yet"
        more = f"; the newest {ROWS} of {one.timeline.height:,} rows are listed" if one.timeline.height > ROWS else ""
        self._since.set_text(f"{since}, all orders and returns, and what is in the cart now{more}.")
        what = pl.when(pl.col("what").str.len_chars() > LONGEST).then(pl.col("what").str.head(LONGEST) + " \u2026")
        listed = one.timeline.head(ROWS).with_columns(what=what.otherwise("what"))
        self._timeline.show(listed.select("at", name="kind", step="what", value="value"), "Nothing was done yet.")
        self._chart.options["series"] = _points(one.timeline)
        self._chart.options["xAxis"]["axisLabel"]["formatter"] = _dates(one.timeline)
        self._chart.props["aria-label"] = f"Timeline. {said}"
        self._chart.update()

    def _show_worth(self, one: OneCustomer) -> None:
        spent, before, cart = one.spent, one.spent_before, one.cart
        self._cart.show(f"{one.in_cart:,.2f}", f"{cart.height:,} products" if cart.height else "Nothing is left in it.")
        if one.worth is None:
            nothing = "Has bought nothing yet." if one.is_computed else NOT_COMPUTED
            for tile in (self._revenue, self._orders, self._chance, self._far, self._segment):
                tile.show(UNKNOWN, nothing)
            return
        worth, spans = one.worth, f"Last {SPAN_DAYS} days: {{}}, {SPAN_DAYS} before: {{}}"
        money = spans.format(f"{spent.revenue:,.2f}", f"{before.revenue:,.2f}")
        self._revenue.show(f"{worth['revenue']:,.2f}", money)
        orders = spans.format(f"{spent.orders:,}", f"{before.orders:,}")
        self._orders.show(f"{worth['orders']:,}", f"{worth['average_order_value']:,.2f} each. {orders}")
        self._chance.show(said_chance(worth["probability_alive"]), said_of_chance(worth, one.before))
        self._far.show(*said_value(worth, one.before, one.horizon))
        self._segment.show(str(worth["segment"]), said_before(one.before, "segment"))


def said_chance(chance: float | None) -> str:
    """A chance as the page says it."""
    return UNKNOWN if chance is None else f"{100 * chance:.0f} %"


def said_of_chance(worth: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    """What P(active) was, or why the models can't tell it."""
    if worth["probability_alive"] is not None:
        return said_before(before, "probability_alive")
    by_model = worth["prediction"] == BY_MODEL
    return "Bought on one day only: the model can't tell." if by_model else str(worth["prediction"])


def said_value(worth: Mapping[str, Any], before: Mapping[str, Any] | None, days: int | None) -> tuple[str, str]:
    """The expected value within so many days, with its interval and what it was; or why nothing is expected."""
    value, low, high = (worth[f"predicted_value{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return UNKNOWN, str(worth["prediction"])
    interval = f", 90 %: {low:,.2f} to {high:,.2f}" if low is not None else ""
    return f"{value:,.2f}", f"In {days} days{interval}. {said_before(before, 'predicted_value')}"


def said_before(before: Mapping[str, Any] | None, name: str) -> str:
    """What a figure was when it was recorded a month ago."""
    if before is None or before[name] is None:
        return f"Of {AGO_DAYS} days ago nothing is recorded."
    value = before[name]
    said = said_chance(value) if name == "probability_alive" else f"{value:,.2f}" if name != "segment" else value
    return f"{before['as_of']:%d %b %Y}: {said}"


def headline(one: OneCustomer) -> tuple[str, str]:
    """Who this is, in a title and a sentence; or why nothing is known of them."""
    behind = " Newer purchases follow within minutes." if one.is_behind else ""
    if not one.is_known:
        missing = NOT_COMPUTED if not one.is_computed else f"Nobody with this number was seen.{behind}"
        return f"No customer has the number {one.user_id}", missing
    if one.worth is None:
        said = NOT_COMPUTED if not one.is_computed else f"Has visited the shop, and bought nothing yet.{behind}"
        return f"Customer {one.user_id}", said
    worth = one.worth
    active = "active" if worth["is_active"] else "not active any more"
    first, last = worth["first_order_at"], worth["last_order_at"]
    return (
        f"Customer {one.user_id}: {worth['segment']}",
        f"{active[0].upper()}{active[1:]}. First order {first:%d %b %Y}, last order {last:%d %b %Y}; "
        f"as of {worth['as_of']:%d %b %Y}.{behind}",
    )


def _lanes() -> dict:
    return {
        "grid": {"left": 8, "right": 24, "top": 12, "bottom": 4, "containLabel": True},
        "tooltip": {**PLAIN_TIP, "trigger": "item"},
        "useUTC": True,
        "xAxis": {"type": "time", "axisLabel": {"color": GREY, "hideOverlap": True}},
        "yAxis": {
            "type": "category",
            "data": list(reversed(KINDS)),
            "axisLabel": {"color": GREY},
            "axisTick": {"show": False},
            "splitLine": {"show": True, "lineStyle": {"color": GREY, "opacity": 0.2}},
        },
        "series": [],
    }


def _dates(timeline: pl.DataFrame) -> str:
    """How the axis writes its dates, by the time that it spans."""
    first, last = timeline["at"].min(), timeline["at"].max()
    is_long = isinstance(first, datetime) and isinstance(last, datetime) and (last - first).days > 200
    return "{MMM} {yyyy}" if is_long else "{d} {MMM}"


def _points(timeline: pl.DataFrame) -> list[dict[str, object]]:
    """A row of dots per kind; an order's dot grows with its value."""
    found: list[dict[str, object]] = []
    most = float(timeline.filter(pl.col("kind") != SESSION)["value"].abs().max() or 0) or 1.0  # type: ignore[arg-type]
    for kind in KINDS:
        rows = timeline.filter(pl.col("kind") == kind)
        data = [
            {
                "value": [int(at.timestamp() * 1_000), kind],
                "name": what,
                "symbolSize": 8 if kind == SESSION or value is None else 8 + 22 * (abs(float(value)) / most) ** 0.5,
                "tooltip": {"formatter": plain_tip(f"{at:%d %b %Y %H:%M}: {what}" + (f", {value:,}" if value else ""))},
            }
            for at, what, value in rows.select("at", "what", "value").iter_rows()
        ]
        style = {"color": _COLOURS[kind], "opacity": 0.75}
        found.append({"type": "scatter", "name": kind, "data": data, "itemStyle": style})
    return found
