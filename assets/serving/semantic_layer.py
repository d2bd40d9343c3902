"""The measures of sales as a semantic layer: a data model in Cube's format, for tools that ask for measures.

A measure is defined here once, over a column of gold whose words it takes from the table. What can't be summed up
(orders and buyers of products) is left out of the tables where it would be wrong.
Add here: a measure or a table for such tools. Not here: how a column of gold is computed (its `.sql` file).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assets.serving.duckdb_file import comments_of
from assets.tables import (
    ABANDONED_CARTS,
    CATEGORY_SALES_DAILY,
    CUSTOMER_DAYS,
    CUSTOMER_VALUE,
    PRODUCT_SALES,
    PRODUCT_SALES_DAILY,
)
from assets.tables.table import Table

_SALES = {name: ("sum", name) for name in ("units", "revenue", "refunds")}

_WORDS = {
    "average_order_value": "revenue per order",
    "refund_rate": "refunds per currency unit sold, from 0 to 1",
    "average_price": "revenue per unit, net of refunds",
    "buyers": "distinct users with a purchase",
    "margin": "revenue less cost, of the sales whose cost is known",
    "margin_rate": "margin per currency unit sold at a known cost, from 0 to 1",
    "customers": "users who have ever bought",
    "products": "distinct products with a purchase or a return",
    "items": "items left in carts",
}
"""What a measure is that is no column."""

_NOT_SUMMED = {"orders", "buyers"}
"""Distinct counts of one product: as a dimension nobody wants them, as a sum they would be wrong."""

_REFUND_RATE = ("number", "{refunds} / nullif({revenue} + {refunds}, 0)")


@dataclass(frozen=True)
class Measured:
    """A table with its measures, each a type and an expression of Cube; `many_to_one`: tables to join, by a column."""

    table: Table
    measures: Mapping[str, tuple[str, str]]
    many_to_one: Mapping[str, str] = field(default_factory=dict)


MEASURED = (
    Measured(
        PRODUCT_SALES_DAILY,
        {
            **_SALES,
            "products": ("count_distinct", "product_id"),
            "average_price": ("number", "{revenue} / nullif({units}, 0)"),
            "refund_rate": _REFUND_RATE,
        },
    ),
    Measured(PRODUCT_SALES, _SALES),
    Measured(
        CATEGORY_SALES_DAILY,
        {
            **_SALES,
            "known_cost_revenue": ("sum", "known_cost_revenue"),
            "cost": ("sum", "cost"),
            "margin": ("number", "{known_cost_revenue} - {cost}"),
            "margin_rate": ("number", "({known_cost_revenue} - {cost}) / nullif({known_cost_revenue}, 0)"),
            "refund_rate": _REFUND_RATE,
        },
    ),
    Measured(
        CUSTOMER_DAYS,
        {
            **_SALES,
            "orders": ("sum", "orders"),
            "buyers": ("count_distinct", "CASE WHEN orders > 0 THEN user_id END"),
            "average_order_value": ("number", "{revenue} / nullif({orders}, 0)"),
            "refund_rate": _REFUND_RATE,
        },
        {"customer_value": "user_id"},
    ),
    Measured(
        CUSTOMER_VALUE,
        {
            "customers": ("count_distinct", "user_id"),
            "revenue": ("sum", "revenue"),
            "predicted_value": ("sum", "predicted_value"),
        },
    ),
    Measured(ABANDONED_CARTS, {"items": ("sum", "quantity"), "cart_value": ("sum", "cart_value")}),
)

_KINDS = {"String": "string", "Date": "time", "Datetime": "time"}


def cube_model(schema: str | None = None) -> dict[str, Any]:
    """The data model, as Cube's YAML says it; the tables lie in this schema of the database, or in its default one."""
    return {"cubes": [_cube(one, schema) for one in MEASURED]}


def _cube(one: Measured, schema: str | None) -> dict[str, Any]:
    said, columns = comments_of(one.table)
    name = one.table.sql_name
    dimensions = [
        {
            "name": column,
            "sql": column,
            "type": _KINDS.get(str(kind.base_type()), "number"),
            "description": columns[column],
            **({"primary_key": True} if column in one.table.key else {}),
        }
        for column, kind in one.table.schema.items()
        if column not in one.measures and column not in _NOT_SUMMED
    ]
    measures = [
        {"name": measure, "sql": sql, "type": kind, "description": _WORDS.get(measure) or columns[measure]}
        for measure, (kind, sql) in one.measures.items()
    ]
    joins = [
        {"name": other, "sql": f"{{CUBE}}.{column} = {{{other}}}.{column}", "relationship": "many_to_one"}
        for other, column in one.many_to_one.items()
    ]
    table = f"{schema}.{name}" if schema else name
    model = {"name": name, "sql_table": table, "description": said, "dimensions": dimensions, "measures": measures}
    return {**model, **({"joins": joins} if joins else {})}
