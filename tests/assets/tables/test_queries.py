import re
from pathlib import Path

import pytest

from assets.tables import CUSTOMER_DAYS, FUNNEL_DAILY, PRODUCT_SALES, SESSIONS, USER_DAYS
from assets.tables import queries as module
from assets.tables.queries import definition_of, macros

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
def test_each_macro_is_called_by_several_queries(name: str) -> None:
    assert len([path.name for path in QUERIES if f"{name}(" in path.read_text()]) > 1


def test_a_table_is_stale_when_a_macro_that_its_query_calls_says_another_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    layouts = (PRODUCT_SALES, CUSTOMER_DAYS, SESSIONS, USER_DAYS, FUNNEL_DAILY)
    before = {layout.name: definition_of(layout) for layout in layouts}
    changed = macros().replace("count(*) FILTER (event_type = 'view')", "count(*) FILTER (event_type <> 'cart')")
    monkeypatch.setattr(module, "macros", lambda: changed)

    stale = {layout.name for layout in layouts if definition_of(layout) != before[layout.name]}

    assert stale == {SESSIONS.name, USER_DAYS.name, FUNNEL_DAILY.name}
