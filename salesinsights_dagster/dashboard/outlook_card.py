"""The card of the sales outlook: what the shop is expected to sell, and how such expectations have done.

Add here: how it looks. Not here: how sales are expected (`assets.customers.sales_outlook`).
"""

from decimal import Decimal

import polars as pl
from nicegui import ui

from assets.customers.expected_sales import KNOWN, TO_COME, WHOLE
from salesinsights_dagster.dashboard import customer_terms as terms
from salesinsights_dagster.dashboard.about import defined_heading
from salesinsights_dagster.dashboard.customers import Customers
from salesinsights_dagster.dashboard.parts import ACCENT, GREY, PLAIN_TIP, NamedTable, chart, csv_link

_TITLE = "Expected sales"
_AHEAD = {"name": "Next days", "expected": "Expected", "low": "From", "high": "To"}
_TESTED = {"name": "Month", "expected": "Expected", "low": "From", "high": "To", "actual": "Came"}


class OutlookCard:
    """What is ahead as a table, and past months as a chart: what came, beside what was expected with its interval."""

    def __init__(self) -> None:
        with ui.element("section").classes("si-card min-w-0"):
            with ui.row().classes("w-full items-center justify-between no-wrap"):
                defined_heading(_TITLE, terms.OUTLOOK)
                with ui.row().classes("gap-3 no-wrap"):
                    csv_link(_TITLE, "/api/customers/expected_sales?format=csv")
            self._before = ui.label("").classes("si-muted text-sm")
            self._ahead = NamedTable(_TITLE, _AHEAD)
            with ui.row().classes("w-full items-center justify-between no-wrap pt-3"):
                self._said = ui.label("").classes("si-muted text-sm")
                csv_link("Past months", "/api/customers/sales_backtest?format=csv")
            self._chart = chart("Past months: expected and came", _options(), "260px")
            with ui.expansion("Table").classes("w-full si-muted text-sm").props("dense"):
                self._months = NamedTable("Past months", _TESTED)

    def show(self, found: Customers, empty: str, untested: str) -> None:
        """Show both; `empty` and `untested` are what the table and the chart say without rows."""
        self._before.set_text(" ".join(said_before(found, days) for days in found.sold_before))
        self._ahead.show(ahead(found), empty)
        months = past_months(found.sales_backtest)
        self._months.show(months, untested)
        self._chart.set_visibility(months.height > 0)
        said = said_of(found.sales_backtest) if months.height else untested
        self._said.set_text(said)
        self._chart.props["aria-label"] = f"Past months: expected and came. {said}"
        known = found.sales_backtest.sort("month")
        self._chart.options["xAxis"]["data"] = [f"{month:%b %Y}" for month in known["month"]]
        bars, boxes = self._chart.options["series"]
        bars["data"] = [float(came) for came in known["actual"]]
        ends = ("expected_low", "expected_low", "expected", "expected_high", "expected_high")
        boxes["data"] = [[_number(row[end]) for end in ends] for row in known.to_dicts()]
        self._chart.update()


def ahead(found: Customers) -> pl.DataFrame:
    """What is expected within each horizon: of the shop, of customers so far and to come; no row if nothing is."""
    parts = {WHOLE: "all", KNOWN: "customers so far", TO_COME: "customers to come"}
    rows = []
    for days in found.horizons:
        for part, words in parts.items():
            held = found.expected(part, days)
            if held.is_empty() or held.item(0, "revenue") is None:
                continue
            row = held.row(0, named=True)
            rows.append({"name": f"{days} days, {words}", **_ends(row, "revenue")})
    return pl.DataFrame(rows, schema=dict.fromkeys(_AHEAD, pl.String))


def past_months(months: pl.DataFrame) -> pl.DataFrame:
    """The months of gold/sales_backtest as text, the newest first; those without an expectation say so."""
    rows = [
        {"name": f"{row['month']:%b %Y}", "actual": _whole(row["actual"]), **_ends(row, "expected")}
        for row in months.sort("month", descending=True).to_dicts()
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(_TESTED, pl.String))


def said_of(months: pl.DataFrame) -> str:
    """In how many of the past months the interval held what came."""
    told = months.drop_nulls("is_within")
    if told.is_empty():
        return f"Past months: nothing was expected of them ({months.item(0, 'prediction')})."
    held = int(told["is_within"].sum())
    return f"Past months: what came was within the interval in {held} of {told.height}."


def said_interval(row: dict[str, object], name: str) -> str:
    """The ends of an interval, as a tile says them."""
    return f"{_whole(row[f'{name}_low'])} to {_whole(row[f'{name}_high'])}"


def _ends(row: dict[str, object], name: str) -> dict[str, str]:
    ends = {"expected": name, "low": f"{name}_low", "high": f"{name}_high"}
    return {end: _whole(row[column]) for end, column in ends.items()}


def said_before(found: Customers, days: int) -> str:
    """What as many days before brought; or since when the lake has sales, if that is later."""
    sold, first = found.sold_before.get(days), found.first_sale
    if sold is not None:
        return f"The {days} days before brought {sold:,.0f}."
    return f"The lake has not all of the {days} days before: sales begin {first:%d %b %Y}." if first else ""


def _whole(money: object) -> str:
    return f"{money:,.0f}" if isinstance(money, Decimal) else "not known"


def _number(money: object) -> float | None:
    return float(money) if isinstance(money, Decimal) else None


def _options() -> dict:
    return {
        "grid": {"left": 8, "right": 16, "top": 34, "bottom": 4, "containLabel": True},
        "legend": {"top": 0, "left": 0, "textStyle": {"color": GREY}},
        "tooltip": PLAIN_TIP,
        "xAxis": {
            "type": "category",
            "data": [],
            "axisLabel": {"color": GREY, "hideOverlap": True},
            "axisTick": {"show": False},
        },
        "yAxis": {
            "type": "value",
            "axisLabel": {"color": GREY},
            "splitLine": {"lineStyle": {"color": GREY, "opacity": 0.2}},
        },
        "series": [
            {"type": "bar", "name": "came", "data": [], "itemStyle": {"color": ACCENT}, "barMaxWidth": 46},
            {
                "type": "boxplot",
                "name": "expected, with its 90 % interval",
                "data": [],
                "boxWidth": [6, 14],
                "itemStyle": {"color": "rgba(240,160,40,.55)", "borderColor": "#b86e00", "borderWidth": 2},
            },
        ],
    }
