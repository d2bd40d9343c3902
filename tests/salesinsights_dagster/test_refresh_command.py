"""Not computed is not none: every reader says so, and one command brings all that follows the sales up to date."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assets.customers.segment_rules import BUILT_IN
from assets.tables import (
    ABANDONED_CARTS,
    AUDIENCE_MEMBERS,
    BOUGHT_TOGETHER,
    CATEGORY_SALES_DAILY,
    CLV_MODEL,
    COHORT_RETENTION,
    CUSTOMER_VALUE,
    EXPECTED_SALES,
    PRODUCT_OUTLOOK,
    REPURCHASES,
    SALES_BACKTEST,
    SEGMENTS,
    VISITOR_TABLES,
)
from resources.lake import Lake
from salesinsights_dagster.cli import main
from salesinsights_dagster.dashboard.customers import customers_now
from salesinsights_dagster.dashboard.pages.customers import said_clock, why_empty
from salesinsights_dagster.dashboard.parts import NOT_COMPUTED
from tests.assets.archive.month_lines import PURCHASE, load, put

OF_VISITORS = (*VISITOR_TABLES, ABANDONED_CARTS, COHORT_RETENTION)
OF_PRODUCTS = (CATEGORY_SALES_DAILY, PRODUCT_OUTLOOK, BOUGHT_TOGETHER, REPURCHASES)
OF_CUSTOMERS = (CUSTOMER_VALUE, SEGMENTS, EXPECTED_SALES, SALES_BACKTEST, AUDIENCE_MEMBERS)
FOLLOWING = [layout.name for layout in (*OF_VISITORS, *OF_PRODUCTS, *OF_CUSTOMERS)]
AFTER_SETTINGS = ["gold/customer_value", "gold/segments", "gold/expected_sales"]
USER = PURCHASE.split(",")[7]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SALESINSIGHTS_HOME", str(tmp_path))
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "")
    return tmp_path


@pytest.fixture
def loaded(home: Path) -> Lake:
    """A lake with a month from its file, and nothing that follows it."""
    (home / "archive").mkdir(exist_ok=True)
    put(home / "archive", [PURCHASE, PURCHASE.replace("2019-10-01", "2019-10-02")])
    lake = Lake(str(home / "lake"))
    load(lake, home / "archive")
    return lake


def told(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_what_nobody_has_computed_is_not_said_to_be_nothing(loaded: Lake) -> None:
    asked, buyer = told("sql", "SELECT count(*) AS n FROM customer_value", "--format", "csv"), told("customer", USER)
    comment = told("sql", "SELECT comment FROM duckdb_views() WHERE view_name = 'abandoned_carts'", "--format", "csv")
    page = customers_now(loaded)

    assert "Where silver/events has some, `salesinsights refresh` computes it" in comment.stdout
    assert (asked.stdout, asked.exit_code) == ("n\n0\n", 0)
    assert asked.stderr.startswith("gold/customer_value is empty, but not up to date: `salesinsights refresh`")
    assert "does not show all purchases yet: `salesinsights refresh`" in buyer.stderr
    assert buyer.exit_code == 2
    assert page.missing == ("gold/customer_value", "gold/abandoned_carts", "gold/cohort_retention")
    assert said_clock(page) == NOT_COMPUTED
    cards = ("segment_months", "segment_moves", "expected_sales", "retention", "left_carts", "expected_customers")
    assert {why_empty(page, name) for name in cards} == {NOT_COMPUTED}


def test_refresh_brings_all_of_it_up_to_date_and_then_has_nothing_to_do(home: Path, loaded: Lake) -> None:
    before = customers_now(loaded)
    first, again = (list(map(json.loads, told("refresh", "--json").stdout.splitlines())) for _ in range(2))

    assert [one["table"] for one in first] == FOLLOWING
    # There is no catalogue, two days are too short for a backtest, and nobody has named an audience.
    assert [one["refreshed"] for one in first] == [True] * 6 + [False] + [True] * 5 + [False] * 2
    assert not any(one["refreshed"] for one in again)
    assert [one["rows"] for one in again] == [8, 2, 2, 0, 2, 2, 0, 0, 1, 1, 10, 2, 0, 0]
    assert (home / "serving.duckdb").exists()
    asked, buyer = told("sql", "SELECT orders FROM customer_value", "--format", "csv"), told("customer", USER)
    assert (asked.stdout, asked.stderr) == ("orders\n2\n", "")
    assert "  none: 1 of 1 customers bought on a second day" in buyer.stdout
    page = customers_now(loaded, before)
    assert (page.missing, page.count) == ((), 1)
    assert why_empty(page, "left_carts") == "Nothing is left in a cart."
    assert why_empty(page, "expected_customers").startswith(
        "Nothing is expected: none: 1 of 1 customers bought on a second day"
    )


def test_a_customer_who_has_bought_nothing_is_said_to_have(loaded: Lake) -> None:
    told("refresh")

    assert "user 8 has bought nothing" in told("customer", "8").stderr


def test_in_an_empty_home_nothing_waits_to_be_computed(home: Path) -> None:
    asked = told("sql", "SELECT count(*) AS n FROM customer_value", "--format", "csv")

    assert (asked.stdout, asked.stderr) == ("n\n0\n", "")
    assert told("refresh").exit_code == 0
    assert said_clock(customers_now(Lake(str(home / "lake")))) == "No customer yet"


def test_refresh_takes_up_a_changed_setting_though_nobody_buys(
    home: Path, loaded: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    told("refresh")
    monkeypatch.setenv("SALESINSIGHTS_CLV_DAYS", "200")

    done = [json.loads(line) for line in told("refresh", "--json").stdout.splitlines()]

    assert [one["table"] for one in done if one["refreshed"]] == AFTER_SETTINGS
    assert sorted(loaded.table(CLV_MODEL).read()["far_days"]) == [200, 365]


def test_refresh_takes_up_a_changed_file_of_segments(home: Path, loaded: Lake) -> None:
    told("refresh")
    (home / "segments.toml").write_text(BUILT_IN.read_text().replace('name = "new"', 'name = "fresh"'))

    done = [json.loads(line) for line in told("refresh", "--json").stdout.splitlines()]

    assert [one["table"] for one in done if one["refreshed"]] == AFTER_SETTINGS
    assert "fresh" in loaded.table(SEGMENTS).read()["segment"].to_list()
    assert not any(json.loads(line)["refreshed"] for line in told("refresh", "--json").stdout.splitlines())
