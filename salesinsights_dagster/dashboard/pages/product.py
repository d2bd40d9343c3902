"""The page about one product: find it, and see its days, today's windows and what is bought with it.

Add here: what this page shows. Not here: how it is computed (`products`).
"""

from dataclasses import dataclass
from urllib.parse import quote
from zoneinfo import ZoneInfo

import polars as pl
from nicegui import ui

from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.currency import priced_columns
from salesinsights_dagster.dashboard.parts import (
    ACCENT,
    GREY,
    NOT_COMPUTED,
    PLAIN_TIP,
    ChartCard,
    FreshnessPill,
    TableCard,
    column,
    columns_over_time,
    page_frame,
)
from salesinsights_dagster.dashboard.product_lists_card import Lists, ProductListCards, lists_of, stock_sentence
from salesinsights_dagster.dashboard.products import DAYS, ProductCompany, ProductFunnel, ProductSales
from salesinsights_dagster.dashboard.reading_notice import ReadingNotice
from salesinsights_dagster.dashboard.shop_days import clock_ms, on_clocks
from salesinsights_dagster.dashboard.spans import DAY

_MEASURES = {"revenue": "Revenue", "units": "Units", "orders": "Orders", "buyers": "Buyers", "refunds": "Refunds"}
_FUNNEL = f"From view to purchase in {DAYS} days"
_TOGETHER = {
    "other_product_id": "Product",
    "other_brand": "Brand",
    "orders_together": "Common orders",
    "share": "Of its orders",
    "lift": "Lift",
}
_FOUND = {"product_id": "Product", "brand": "Brand", "revenue": "Revenue", "units": "Units"}


@dataclass(frozen=True)
class _OneProduct:
    sales: ProductSales
    funnel: ProductFunnel
    company: ProductCompany
    outlook: pl.DataFrame


class ProductPage:
    """One open page. Shows the products that match `wanted`, and the product with that number if there is one."""

    def __init__(self, board: Board, wanted: str, theme: str | None) -> None:
        self._board, self._wanted = board, wanted
        self._product = _number(wanted)
        self._batch: int | None = None
        with page_frame("Product", theme):
            with ui.row().classes("w-full items-center justify-between gap-3"):
                search = ui.input("Product number, name or brand", value=wanted).props("outlined dense clearable")
                search.classes("w-72").on("keydown.enter", lambda: _go(search.value))
                self._fresh = FreshnessPill()
            self._notice = ReadingNotice()
            self._title = ui.label("").classes("text-lg font-semibold")
            self._stock = ui.label("").classes("si-muted text-sm")
            self._again = ui.label("").classes("si-muted text-sm")
            with ui.element("div").classes("si-grid si-charts"):
                with column():
                    measures, found = (priced_columns(each, board.currency) for each in (_MEASURES, _FOUND))
                    self._days = ChartCard(
                        f"{measures['revenue']} of {DAYS} days ({board.zone})",
                        columns_over_time(),
                        "",
                        {"event_date": "Day", **measures},
                        "300px",
                    )
                    self._found = TableCard(f"Matching products, last {DAYS} days", found, "product_id")
                with column() as beside:
                    steps = {"step": "Step", "events": "Events", "per_100_views": "Per 100 views"}
                    self._funnel = ChartCard(_FUNNEL, _bars(), "", steps, "300px")
                    self._together = TableCard("Bought in the same orders, 90 days", _TOGETHER, "other_product_id")
                    today = f"Sales today, every {board.window_seconds} s ({board.zone})"
                    self._windows = TableCard(today, {"window_start": "From", **measures})
            if self._product is None:
                self._title.set_text("Type a product's number, name or brand, and press Enter: a number shows its days")
                self._days.card.set_visibility(False)
                beside.set_visibility(False)
                self._stock.set_visibility(False)
                self._lists = ProductListCards(board)
        ui.timer(1.0, self.refresh)

    async def refresh(self) -> None:
        """Show what gold has, if it has something new."""
        self._fresh.show(self._board)
        batch = self._board.batch
        if self._board.is_ready and batch != self._batch:
            answer = await self._notice.answer(self._ask)
            if answer is not None:
                self._batch = batch
                self._show_all(*answer)

    def _ask(self) -> tuple[pl.DataFrame, "_OneProduct | Lists"]:
        """The products that match; and what is shown of the one whose number was searched, else lists of products."""
        found, board = self._board.find_products(self._wanted), self._board
        if self._product is None:
            return found, lists_of(board)
        one = (board.product(self._product), board.funnel(self._product), board.company(self._product))
        return found, _OneProduct(*one, board.lists.of(self._product))

    def _show_all(self, found: pl.DataFrame, shown: "_OneProduct | Lists") -> None:
        csv = f"/api/products?search={quote(self._wanted)}&format=csv"
        nothing = f"No product sold in {DAYS} days has this number, name or brand."
        self._found.show(self._board.names.linked(found), csv, nothing)
        if isinstance(shown, Lists):
            self._lists.show(shown)
            return
        self._show(shown.sales)
        self._show_company(shown.company)
        self._show_funnel(shown.funnel, f"/api/products/{self._product}/funnel?format=csv")
        self._stock.set_text(stock_sentence(shown.outlook, self._board.currency))

    def _show_company(self, company: ProductCompany) -> None:
        self._again.set_text(bought_again(company))
        nothing = f"No product was in three orders together with product {self._wanted} yet."
        empty = nothing if company.is_computed else NOT_COMPUTED
        others = self._board.names.linked(shares(company.others), "other_product_id")
        self._together.show(others, f"/api/products/{self._product}/together?format=csv", empty)

    def _show_funnel(self, funnel: ProductFunnel, csv: str) -> None:
        rows = funnel.steps.reverse()
        labels = reversed(bar_labels(funnel.steps))
        bars = zip(rows["events"], labels, strict=True)
        data = [{"value": events, "label": {"formatter": label}} for events, label in bars]
        series = {**_bars()["series"][0], "data": data}
        axis = {**_bars()["yAxis"], "data": rows["step"].to_list()}
        nobody = f"Nobody looked at product {self._wanted} in {DAYS} days, or the newest events are not counted yet."
        empty = nobody if funnel.is_computed else NOT_COMPUTED
        self._funnel.show({"series": [series], "yAxis": axis}, funnel.steps, csv, empty)
        self._funnel.rename(_FUNNEL if funnel.until is None else f"{_FUNNEL}, up to {funnel.until:%F %H:%M} UTC")

    def _show(self, sales: ProductSales) -> None:
        self._title.set_text(self._board.names.label(sales.product_id, sales.brand))
        moments = pl.col("event_date").cast(pl.Datetime("ms")).dt.epoch("ms")
        points = sales.days.select(moments, pl.col("revenue").cast(pl.Float64))
        series = {**columns_over_time()["series"][0], "data": [list(row) for row in points.iter_rows()]}
        address = f"/api/products/{sales.product_id}"
        empty = f"Nothing was sold of product {sales.product_id} in {DAYS} days."
        now = self._board.clock()
        # Half a day more, so that today's bar is drawn completely.
        zone = ZoneInfo(self._board.zone)
        ends = {"min": clock_ms(now - DAYS * DAY, zone), "max": clock_ms(now + DAY / 2, zone)}
        axis = {**columns_over_time()["xAxis"], **ends}
        self._days.show({"series": [series], "xAxis": axis}, sales.days, f"{address}/days?format=csv", empty)
        none_today = f"Nothing was sold of product {sales.product_id} today."
        self._windows.show(on_clocks(sales.windows, zone), f"{address}/windows?format=csv", none_today)


def _go(wanted: str | None) -> None:
    ui.navigate.to(f"/product?search={quote((wanted or '').strip())}")


def _number(wanted: str) -> int | None:
    """The product's number, if `wanted` is one that a product can have."""
    return int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 19 else None


def bar_labels(steps: pl.DataFrame) -> list[str]:
    """The label of each bar of a funnel: how often; and, for all but views, how often per 100 views."""
    shares = ["", *(f"  ({per:g} per 100 views)" if per is not None else "" for per in steps["per_100_views"][1:])]
    return [f"{events:,}{share}" for events, share in zip(steps["events"], shares, strict=False)]


def shares(others: pl.DataFrame) -> pl.DataFrame:
    """What is bought with a product, as the page shows it: shares as percentages, lift with one decimal."""
    percent = (100 * pl.col("confidence")).round(1).cast(pl.String) + " %"
    return others.select(
        "other_product_id", "other_brand", "orders_together", share=percent, lift=pl.col("lift").round(1)
    )


def bought_again(company: ProductCompany) -> str:
    """When and by how many a product is bought again, in a sentence; empty where nobody has."""
    if company.again.is_empty():
        return ""
    row = company.again.row(0, named=True)
    quarter, median, three_quarters = (row[f"{part}_days"] for part in ("quarter", "median", "three_quarter"))
    return (
        f"{row['returning_buyers']:,} of {row['buyers']:,} customers bought it again within a year, typically {median} "
        f"days later (half of the times after {quarter} to {three_quarters} days)"
    )


def _bars() -> dict:
    return {
        "grid": {"left": 8, "right": 150, "top": 12, "bottom": 4, "containLabel": True},
        "tooltip": PLAIN_TIP,
        "xAxis": {"type": "value", "show": False},
        "yAxis": {"type": "category", "data": [], "axisLabel": {"color": GREY}, "axisTick": {"show": False}},
        "series": [
            {
                "type": "bar",
                "data": [],
                "itemStyle": {"color": ACCENT, "borderRadius": [0, 5, 5, 0]},
                "label": {"show": True, "position": "right", "color": GREY},
            }
        ],
    }
