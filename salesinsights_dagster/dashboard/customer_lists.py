"""Tables of customers on the Customers page: each number leads to the customer.

Add here: a table in which customers are named. Not here: who is in it (`customers`).
"""

from collections.abc import Callable
from decimal import Decimal

import polars as pl
from nicegui import ui

from salesinsights_dagster.dashboard import customer_terms as terms
from salesinsights_dagster.dashboard.about import defined_heading
from salesinsights_dagster.dashboard.customers import Customers
from salesinsights_dagster.dashboard.parts import NamedTable, csv_link

_USER = (
    '<q-td :props="props" style="min-width: 0"><a class="nicegui-link" style="white-space: nowrap" '
    ":href=\"'/customers?customer=' + props.row.user_id\" "
    ":aria-label=\"'Customer ' + props.row.user_id\">{{ props.value }}</a></q-td>"
)
_HEAD = '<q-th :props="props" :title="props.col.about">{{ props.col.label }}</q-th>'

LISTS = {
    "expected_customers": (
        "Highest expected value",
        {
            "user_id": "Customer",
            "predicted_value": "Expected",
            "interval": "90 % interval",
            "probability_alive": "P(active)",
            "revenue": "Revenue so far",
            "segment": "Segment",
        },
    ),
    "leaving_customers": (
        "Likely lost",
        {
            "user_id": "Customer",
            "revenue": "Revenue so far",
            "orders": "Orders",
            "probability_alive": "P(active)",
            "last_order_at": "Last order (UTC)",
            "segment": "Segment",
        },
    ),
    "top_customers": (
        "Most revenue",
        {
            "user_id": "Customer",
            "revenue": "Revenue so far",
            "orders": "Orders",
            "average_order_value": "Average order",
            "last_order_at": "Last order (UTC)",
            "segment": "Segment",
        },
    ),
}
"""What each list is called, and its columns."""


class CustomerTable(NamedTable):
    """A table in whose column `user_id` each number is a link, and whose heads say what they mean on hover."""

    def __init__(self, title: str, columns: dict[str, str]) -> None:
        super().__init__(title, columns)
        self.table.add_slot("body-cell-user_id", _USER)
        self.table.add_slot("header-cell", _HEAD)
        self.head(columns)

    def head(self, columns: dict[str, str]) -> None:
        """Show these columns from now on."""
        self.table.columns = [
            {
                "name": name,
                "label": label,
                "field": name,
                "align": "left" if name in ("user_id", "segment") else "right",
                "about": terms.COLUMNS.get(name, label),
            }
            for name, label in columns.items()
        ]


class ListsCard:
    """The 20 customers of the list that is chosen."""

    def __init__(self, empty: Callable[[Customers, str], str]) -> None:
        self._found: Customers | None = None
        self._why = empty
        with ui.element("section").classes("si-card min-w-0"):
            with ui.row().classes("w-full items-center justify-between no-wrap"):
                defined_heading("Customers to know", terms.LISTS)
                self._csv = csv_link("Customers to know")
            names = {name: title for name, (title, _) in LISTS.items()}
            self._list = ui.toggle(names, value="expected_customers", on_change=self._draw)
            self._list.props("no-caps unelevated dense padding='2px 12px' role=group aria-label='Which customers'")
            self._table = CustomerTable("Customers to know", LISTS["expected_customers"][1])

    def show(self, found: Customers) -> None:
        """Show the list that is chosen."""
        self._found = found
        self._draw()

    def _draw(self) -> None:
        if self._found is None:
            return
        name = str(self._list.value)
        columns, days = dict(LISTS[name][1]), max(self._found.horizons, default=0)
        rows: pl.DataFrame = getattr(self._found, name)
        if name == "expected_customers":
            ends = rows.select("predicted_value_low", "predicted_value_high").iter_rows()
            rows = rows.with_columns(interval=pl.Series([_between(*each) for each in ends], dtype=pl.String()))
            columns["predicted_value"] = f"Expected in {days} days" if days else "Expected"
        if "probability_alive" in columns:
            per_cent = (100 * pl.col("probability_alive")).cast(pl.Int64).cast(pl.String) + " %"
            rows = rows.with_columns(probability_alive=per_cent)
        self._table.head(columns)
        self._table.show(rows.select(list(columns)), self._why(self._found, name))
        self._csv.props["href"] = f"/api/customers/{name}?format=csv"
        self._csv.update()


def _between(low: Decimal | None, high: Decimal | None) -> str:
    return "" if low is None or high is None else f"{low:,} to {high:,}"
