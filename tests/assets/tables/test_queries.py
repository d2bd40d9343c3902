import re
from pathlib import Path

import pytest

from assets.tables import ABANDONED_CARTS, CUSTOMER_DAYS, FUNNEL_DAILY, PRODUCT_SALES, SESSIONS, USER_DAYS
from assets.tables import queries as module
from assets.tables.queries import definition_of, macros
from assets.tables.table import Table
from resources.duckdb_engine import duckdb_session, query

ROOT = Path(module.__file__).parents[2]
QUERIES = [
    path
    for package in ("assets", "salesinsights_dagster")
    for path in (ROOT / package).rglob("*.sql")
    if path.name != "macros.sql"
]
BODIES = re.findall(r"\) AS\s+(.+?)[;,]$", macros(), re.MULTILINE)


@pytest.mark.parametrize("body", [body for body in BODIES if body != "sum(price)"])
def test_an_expression_of_several_queries_is_said_once(body: str) -> None:
    assert [path.name for path in QUERIES if body in path.read_text()] == []


@pytest.mark.parametrize("name", re.findall(r"CREATE MACRO (\w+)", macros()))
def test_each_macro_is_called_by_several_queries_or_by_another_macro(name: str) -> None:
    calling = [path.name for path in QUERIES if f"{name}(" in path.read_text()]
    assert len(calling) > 1 or macros().count(f"{name}(") > 1


@pytest.mark.parametrize(
    ("before", "after", "stale"),
    [
        (
            "count(*) FILTER (event_type = 'view')",
            "count(*) FILTER (event_type <> 'cart')",
            (SESSIONS, USER_DAYS, FUNNEL_DAILY),
        ),
        # A macro that a macro calls.
        (
            "event_type = 'purchase' AND price >= 0",
            "event_type = 'purchase' AND price > 0",
            (SESSIONS, USER_DAYS, FUNNEL_DAILY, ABANDONED_CARTS),
        ),
    ],
)
def test_a_table_is_stale_when_a_macro_that_its_query_calls_says_another_thing(
    monkeypatch: pytest.MonkeyPatch, before: str, after: str, stale: tuple[Table, ...]
) -> None:
    layouts = (PRODUCT_SALES, CUSTOMER_DAYS, SESSIONS, USER_DAYS, FUNNEL_DAILY, ABANDONED_CARTS)
    known = {layout.name: definition_of(layout) for layout in layouts}
    changed = macros().replace(before, after)
    monkeypatch.setattr(module, "macros", lambda: changed)

    found = {layout.name for layout in layouts if definition_of(layout) != known[layout.name]}

    assert found == {layout.name for layout in stale}


@pytest.mark.parametrize(
    ("money", "number", "rounded"),
    [("1.15", 2, "0.58"), ("1.25", 2, "0.62"), ("-1.15", 2, "-0.58"), ("2.00", 3, "0.67"), ("5.00", 0, None)],
)
def test_an_average_is_rounded_to_the_even_cent_as_a_decimal(money: str, number: int, rounded: str | None) -> None:
    with duckdb_session(macros=macros()) as connection:
        asked = query(connection, f"SELECT average({money}::DECIMAL(18, 2), {number})::VARCHAR AS money")

    assert asked.item() == rounded
