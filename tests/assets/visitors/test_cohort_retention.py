from datetime import date
from decimal import Decimal
from itertools import product
from pathlib import Path

import duckdb
import polars as pl
import pytest

from assets.tables import AMOUNT, COHORT_RETENTION, USER_DAYS
from assets.visitors import cohort_retention
from assets.visitors.cohort_retention import cohorts_are_behind, refresh_cohorts
from assets.visitors.daily_tables import refresh_days
from resources.lake import Lake
from salesinsights_dagster.simulator.month_file import write_month
from salesinsights_dagster.simulator.shop import Shop
from tests.assets.archive.month_lines import load
from tests.assets.visitors.user_days import days
from tests.lakes import rows

OCT, NOV, DEC = date(2019, 10, 1), date(2019, 11, 1), date(2019, 12, 1)


@pytest.fixture
def visited(lake: Lake) -> Lake:
    lake.table(USER_DAYS).append(
        days(
            *((1, date(2019, 10, day), "vp") for day in (3, 4)),
            (1, date(2019, 12, 31), "p"),
            (2, date(2019, 10, 31), "vvc"),
            (2, date(2019, 11, 1), "pp"),
            (3, date(2019, 12, 1), "c"),
        ),
        {},
    )
    refresh_cohorts(lake)
    return lake


def of(lake: Lake, activity: str) -> list[tuple[object, ...]]:
    columns = ("cohort", "month", "months_since", "cohort_users", "users", "retention", "revenue")
    found = rows(lake, COHORT_RETENTION).filter(activity=activity).sort("cohort", "month").select(columns)
    return [(*row[:-1], str(row[-1])) for row in found.rows()]


def test_who_came_back_is_counted_by_the_month_of_the_first_time(visited: Lake) -> None:
    assert of(visited, "any") == [
        (OCT, OCT, 0, 2, 2, 1.0, "5.00"),
        (OCT, NOV, 1, 2, 1, 0.5, "5.00"),
        (OCT, DEC, 2, 2, 1, 0.5, "2.50"),
        (DEC, DEC, 0, 1, 1, 1.0, "0.00"),
    ]
    assert of(visited, "purchase") == [
        (OCT, OCT, 0, 1, 1, 1.0, "5.00"),
        (OCT, DEC, 2, 1, 1, 1.0, "2.50"),
        (NOV, NOV, 0, 1, 1, 1.0, "5.00"),
    ]
    assert [row[:2] for row in of(visited, "cart")] == [(OCT, OCT), (OCT, NOV), (DEC, DEC)]


def test_the_revenue_of_viewers_and_carters_is_all_that_they_bought_since(visited: Lake) -> None:
    """On other days and in other months too; but not before they were of the cohort: 1 and 2 view in October first."""
    visited.table(USER_DAYS).append(days((1, date(2019, 9, 1), "p"), (1, date(2019, 10, 9), "ppp")), {})
    refresh_cohorts(visited)

    assert of(visited, "view") == [
        (OCT, OCT, 0, 2, 2, 1.0, "12.50"),
        (OCT, NOV, 1, 2, 0, 0.0, "5.00"),
        (OCT, DEC, 2, 2, 0, 0.0, "2.50"),
    ]
    assert of(visited, "cart")[:2] == [(OCT, OCT, 0, 1, 1, 1.0, "0.00"), (OCT, NOV, 1, 1, 0, 0.0, "5.00")]
    bought = sum((Decimal(str(row[-1])) for row in of(visited, "any")), Decimal())
    assert bought == rows(visited, USER_DAYS)["revenue"].sum()


def test_a_table_of_an_older_query_is_computed_again(visited: Lake) -> None:
    table = visited.table(COHORT_RETENTION)
    table.replace(table.read().with_columns(revenue=pl.lit(Decimal("0.00"), AMOUNT)), None, {cohort_retention.QUERY: 7})
    assert cohorts_are_behind(visited)

    refresh_cohorts(visited)

    assert of(visited, "any")[0][-1] == "5.00"
    assert not cohorts_are_behind(visited)


def test_a_months_users_are_distinct_users(visited: Lake) -> None:
    users = rows(visited, COHORT_RETENTION).group_by("activity", "month").agg(pl.col("users").sum())

    held = {(activity, month): count for activity, month, count in users.rows()}
    assert {key: held.get(key, 0) for key in product(("view", "cart", "purchase"), (OCT, NOV, DEC))} == {
        ("view", OCT): 2, ("view", NOV): 0, ("view", DEC): 0,
        ("cart", OCT): 1, ("cart", NOV): 0, ("cart", DEC): 1,
        ("purchase", OCT): 1, ("purchase", NOV): 1, ("purchase", DEC): 1,
    }  # fmt: skip


def test_the_table_follows_user_days(visited: Lake) -> None:
    assert not cohorts_are_behind(visited)
    visited.table(USER_DAYS).append(days((9, date(2019, 11, 5), "v")), {})
    assert cohorts_are_behind(visited)

    assert refresh_cohorts(visited) == 15

    assert of(visited, "view")[-1] == (NOV, NOV, 0, 1, 1, 1.0, "0.00")


RAW = """
SELECT event_type AS activity, strptime(event_time[:7], '%Y-%m')::DATE AS month, count(DISTINCT user_id) AS users
FROM read_csv(?, types = {'event_time': 'VARCHAR'}) WHERE event_type <> 'remove_from_cart' GROUP BY ALL
"""


def test_on_generated_months_the_users_are_those_that_duckdb_counts_in_the_files(lake: Lake, tmp_path: Path) -> None:
    shop, months = Shop(seed=3), [(2019, 10), (2019, 11), (2019, 12)]
    files = [write_month(shop, *month, 4_000, tmp_path / "archive") for month in months]
    for year, month in months:
        load(lake, tmp_path / "archive", date(year, month, 1))
    for _ in refresh_days(lake, USER_DAYS):
        pass

    refresh_cohorts(lake)

    held = rows(lake, COHORT_RETENTION).filter(pl.col("activity") != "any")
    users = held.group_by("activity", "month").agg(pl.col("users").sum())
    counted = duckdb.execute(RAW, [[str(file) for file in files]]).fetchall()
    assert {(activity, month): count for activity, month, count in users.rows()} == {
        (activity, month): count for activity, month, count in counted
    }
    assert len(counted) == 9
