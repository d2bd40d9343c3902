"""The card of the audiences that the shop has named: how many are in each, and who, as CSV.

Add here: how audiences look. Not here: who is in one (`assets.customers.audiences`).
"""

from urllib.parse import quote

from nicegui import ui

from salesinsights_dagster.dashboard import customer_terms as terms
from salesinsights_dagster.dashboard.about import defined_heading
from salesinsights_dagster.dashboard.customers import Customers
from salesinsights_dagster.dashboard.parts import NamedTable, csv_link

_COLUMNS = {"audience": "Audience", "members": "Members", "last_joined_at": "Last joined (UTC)", "export": "Export"}
_EXPORT = (
    '<q-td :props="props"><a class="nicegui-link" :href="props.row.csv" '
    ":aria-label=\"'CSV: members of ' + props.row.audience\">CSV</a></q-td>"
)


class AudiencesCard:
    """A row per audience that has members."""

    def __init__(self) -> None:
        with ui.element("section").classes("si-card min-w-0"):
            with ui.row().classes("w-full items-center justify-between no-wrap"):
                defined_heading("Audiences", terms.AUDIENCES)
                csv_link("Audiences", "/api/customers/audiences?format=csv")
            self._rows = NamedTable("Audiences", _COLUMNS)
            self._rows.table.add_slot("body-cell-export", _EXPORT)

    def show(self, found: Customers) -> None:
        """Show how many are in each audience."""
        self._rows.show(found.audiences, "No audience has members: audiences.toml in the home says who is in one.")
        for row in self._rows.table.rows:
            row["csv"] = f"/api/customers/audience?name={quote(str(row['audience']))}&format=csv"
        self._rows.table.update()
