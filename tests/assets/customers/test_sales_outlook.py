"""What the shop is expected to sell, and what would have been expected of past months, as tables."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from assets.customers.clv_model import refit
from assets.customers.clv_pictures import draw_backtest
from assets.customers.customer_value import refresh_customer_value
from assets.customers.options import ClvOptions
from assets.customers.sales_outlook import clear_outlook, refresh_backtest, refresh_expected_sales
from assets.tables import CUSTOMER_DAYS, CUSTOMER_VALUE, EXPECTED_SALES, SALES_BACKTEST
from resources.lake import Lake
from resources.lake_table import LakeTable
from tests.assets.customers.shoppers import FIRST, Bought, customer_days, regular_shop
from tests.lakes import rows

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OPTIONS = ClvOptions()
SHOP = regular_shop(1_500, 150)
"""From October 1 to February 27: December and January are over, and have 60 days before them."""


def sell(lake: Lake, bought: Bought) -> None:
    lake.table(CUSTOMER_DAYS).append(customer_days(bought), {})


@pytest.fixture
def sold(lake: Lake) -> Lake:
    sell(lake, SHOP)
    refit(lake, OPTIONS, NOW)
    refresh_customer_value(lake)
    return lake


def test_what_is_expected_is_told_for_both_horizons_once_a_day(sold: Lake) -> None:
    assert refresh_expected_sales(sold)
    assert not refresh_expected_sales(sold)

    found = rows(sold, EXPECTED_SALES)
    assert set(found["horizon_days"]) == {90, 365}
    assert set(found["part"]) == {"shop", "customers so far", "customers to come", "segment", "cohort"}
    assert (found["revenue_low"] <= found["revenue"]).all()
    assert (found["revenue"] <= found["revenue_high"]).all()
    assert found["as_of"].unique().to_list() == rows(sold, CUSTOMER_VALUE)["as_of"].unique().to_list()
    assert found["prediction"].unique().to_list() == ["model"]
    sell(sold, {1: [(150, "5.00")]})
    refit(sold, OPTIONS, NOW)
    refresh_customer_value(sold)
    assert refresh_expected_sales(sold)


def test_where_nothing_is_predicted_the_table_says_why(lake: Lake) -> None:
    sell(lake, {1: [(0, "5.00"), (3, "5.00")], 2: [(1, "4.00")]})
    refit(lake, OPTIONS, NOW)
    refresh_customer_value(lake)

    refresh_expected_sales(lake)

    why = "none: 1 of 2 customers bought on a second day, and a prediction takes 30"
    found = rows(lake, EXPECTED_SALES)
    assert found.select("horizon_days", "part", "customers", "revenue", "prediction").rows() == [
        (90, "customers so far", 2.0, None, why),
        (365, "customers so far", 2.0, None, why),
    ]


def test_past_months_are_tested_with_what_was_known_when_they_began(sold: Lake) -> None:
    assert refresh_backtest(sold, OPTIONS)
    assert not refresh_backtest(sold, OPTIONS)

    found = rows(sold, SALES_BACKTEST).sort("month")
    assert found["month"].to_list() == [date(2019, 12, 1), date(2020, 1, 1)]
    days = rows(sold, CUSTOMER_DAYS)
    december = days.filter(pl.col("event_date").dt.month() == 12)
    known = days.filter(pl.col("event_date") < date(2019, 12, 1))["user_id"].unique()
    row = found.row(0, named=True)
    assert (row["actual"], row["customers"]) == (december["revenue"].sum(), known.len())
    assert row["actual_known"] == december.filter(pl.col("user_id").is_in(known.implode()))["revenue"].sum()
    assert row["actual_known"] + row["actual_to_come"] == row["actual"]
    assert row["is_within"] == (row["expected_low"] <= row["actual"] <= row["expected_high"])
    assert 0.5 < float(row["actual"] / row["expected"]) < 2
    assert draw_backtest(found).startswith(b"\x89PNG")


def test_a_month_is_tested_as_it_would_have_been_without_what_came_later(
    sold: Lake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    then = Lake(str(tmp_path_factory.mktemp("then")))
    sell(then, {user: [one for one in bought if one[0] <= 93] for user, bought in SHOP.items()})
    assert (FIRST + timedelta(days=93)).month == 1

    for lake in (sold, then):
        refresh_backtest(lake, OPTIONS)

    assert rows(sold, SALES_BACKTEST).sort("month")[:1].equals(rows(then, SALES_BACKTEST))


def test_late_purchases_of_past_months_are_taken_in_with_the_next_day(sold: Lake) -> None:
    refresh_backtest(sold, OPTIONS)
    before = rows(sold, SALES_BACKTEST)["actual"].sum()

    sell(sold, {1: [(70, "1000.00")]})
    assert not refresh_backtest(sold, OPTIONS)
    sell(sold, {1: [(150, "1.00")]})
    assert refresh_backtest(sold, OPTIONS)

    assert rows(sold, SALES_BACKTEST)["actual"].sum() == before + 1000
    assert refresh_backtest(sold, ClvOptions(modified=False))


def test_cleared_tables_are_computed_again_whatever_the_order_of_rows(
    sold: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh_expected_sales(sold)
    refresh_backtest(sold, OPTIONS)
    before = [rows(sold, layout) for layout in (EXPECTED_SALES, SALES_BACKTEST)]

    clear_outlook(sold)
    assert rows(sold, EXPECTED_SALES).is_empty()
    read = LakeTable.read
    monkeypatch.setattr(LakeTable, "read", lambda *of, **said: read(*of, **said).reverse())
    assert refresh_expected_sales(sold)
    assert refresh_backtest(sold, OPTIONS)

    for layout, held in zip((EXPECTED_SALES, SALES_BACKTEST), before, strict=True):
        assert rows(sold, layout).equals(held)
