"""What a table is: everything that the rest of the system has to know of it, said once.

Dagster's specs, automation, forgetting, replicas and SQL views are derived from it.
Add here: a property that each table has. Not here: a table (the modules beside).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from assets.tables.column_descriptions import SHARED
from resources.table_layout import TableLayout


class Cadence(Enum):
    """When a table is written."""

    STREAM = "by each micro-batch"
    ARCHIVE = "when a month is loaded from its file"
    MINUTES = "within minutes of its sources"
    HOURLY = "once an hour, if its sources have changed"
    DAILY = "once for each day with a purchase"
    ON_REQUEST = "when somebody asks for it"
    UPKEEP = "by a command or by a copy, outside the assets"


FOLLOWING = (Cadence.MINUTES, Cadence.HOURLY, Cadence.DAILY)
"""The cadences of tables that follow the sales in their own time."""


@dataclass(frozen=True)
class Table(TableLayout):
    """A table's layout, its place among the others, and how the rest of the system treats it.

    - `made_from`: the names of the tables or assets that it is computed from; its columns come from the first.
    - `lineage`: for computed columns, the columns of the first source that they are computed from; a column that is not
      listed comes from the column of its own name, if there is one.
    - `columns`: what a column holds, where it is this table's own or means something else here than elsewhere.
    - `is_served`: whether the replicas (PostgreSQL, serving.duckdb) hold it.
    - `keeps_users`: whether rows of a user stay until somebody deletes them, since nothing recomputes them.
    - `sql_alias`: its name in SQL, where that is not made from `name`.
    """

    made_from: tuple[str, ...] = ()
    lineage: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    cadence: Cadence = Cadence.STREAM
    engine: str = "polars"
    is_served: bool = False
    keeps_users: bool = False
    sql_alias: str | None = None

    @property
    def layer(self) -> str:
        """The first part of the name: `bronze`, `silver`, `gold` or `serving`."""
        return self.name.split("/")[0]

    @property
    def sql_name(self) -> str:
        """The name in SQL: `product_sales` for gold/product_sales, `silver_events` for silver/events."""
        layer, name = self.name.split("/")
        return self.sql_alias or (f"{layer}_{name}" if layer in ("bronze", "silver") else name)

    def describe(self, column: str) -> str:
        """What a column holds, in one sentence."""
        return self.columns.get(column) or SHARED.get(column) or "an optional field of the event"
