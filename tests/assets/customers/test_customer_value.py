"""The model and every buyer's value as tables: when a fit is due, which predictions are recomputed, what is kept."""

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.customers import customer_value
from assets.customers.clv_checks import holdout_calibrated, model_trusted, predictions_possible, revenue_conserved
from assets.customers.clv_model import newest_model, refit
from assets.customers.customer_history import BeforeAllPurchasesError, worth_on
from assets.customers.customer_value import customer_value_is_behind, refresh_customer_value
from assets.customers.histories import purchase_histories
from assets.customers.options import ClvOptions
from assets.tables import CLV_HOLDOUT, CLV_MODEL, CUSTOMER_DAYS, CUSTOMER_VALUE, CUSTOMER_VALUE_DAYS, PREDICTED
from resources.lake import Lake
from resources.lake_table import LakeTable
from tests.assets.customers.shoppers import FIRST, Bought, customer_days, regular_shop
from tests.faults.interleaving import crash_before
from tests.lakes import rows

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OPTIONS = ClvOptions()
SHOP = regular_shop(1_500, 120)


def sell(lake: Lake, bought: Bought) -> None:
    lake.table(CUSTOMER_DAYS).append(customer_days(bought), {})


def follow(lake: Lake, options: ClvOptions = OPTIONS) -> customer_value.Refreshed:
    refit(lake, options, NOW)
    return refresh_customer_value(lake)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake that has been fitted once: a fit takes some seconds."""
    folder = tmp_path_factory.mktemp("fitted")
    sell(Lake(str(folder)), SHOP)
    follow(Lake(str(folder)))
    return folder


@pytest.fixture
def sold(lake: Lake, fitted: Path) -> Lake:
    shutil.copytree(fitted, lake.root)
    return lake


def until(day: int) -> Bought:
    return {user: [one for one in bought if one[0] <= day] for user, bought in SHOP.items()}


def test_each_customer_has_a_prediction_and_all_checks_pass(sold: Lake) -> None:
    found = rows(sold, CUSTOMER_VALUE)

    assert found["prediction"].unique().to_list() == ["model"]
    assert found.select(pl.col(*PREDICTED).null_count()).sum_horizontal().item() == 0
    assert (found["near_predicted_value"] <= found["predicted_value"]).all()
    undiscounted = pl.col("predicted_purchases") * pl.col("expected_order_value").cast(pl.Float64)
    discount = found.select(pl.col("predicted_value").cast(pl.Float64).sum() / undiscounted.sum()).item()
    assert 0.93 < discount < 0.98
    for check in (revenue_conserved, predictions_possible, model_trusted, holdout_calibrated):
        assert check(sold).passed, check(sold).figures
    assert holdout_calibrated(sold).figures["predicted / actual"] == pytest.approx(1, abs=0.35)


def test_a_second_look_fits_and_predicts_nothing(sold: Lake) -> None:
    before = rows(sold, CUSTOMER_VALUE)

    assert refit(sold, OPTIONS, NOW) is None
    assert refresh_customer_value(sold).predicted == 0

    assert_frame_equal(rows(sold, CUSTOMER_VALUE), before)
    assert not customer_value_is_behind(sold)


def test_only_customers_with_new_purchases_are_predicted_again(
    sold: Lake, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    new: Bought = {2: [(119, "40.00")], 9_001: [(119, "8.00")]}
    sell(sold, new)
    assert customer_value_is_behind(sold)

    with monkeypatch.context() as bit_by_bit:
        bit_by_bit.setattr(customer_value, "AT_ONCE", 100)
        done = follow(sold)

    other = Lake(str(tmp_path_factory.mktemp("at-once")))
    sell(other, SHOP)
    sell(other, new)
    other.table(CLV_MODEL).append(rows(sold, CLV_MODEL), {"model_version": 1})
    refresh_customer_value(other)
    assert done.predicted == 2
    assert_frame_equal(rows(sold, CUSTOMER_VALUE), rows(other, CUSTOMER_VALUE))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({1: [(120, "5.00")]}, "new day"),
        ({user: [(60, "5.00")] for user in range(5_000, 5_200)}, "drift"),
        ({user: [(60, "5.00"), (100, "1.00"), (119, "1.00")] for user in range(5_000, 5_140)}, "drift"),
        ({1_501: [(60, "5.00")]}, None),
    ],
)
def test_a_new_fit_is_due_when_a_day_begins_or_customers_change(sold: Lake, change: Bought, reason: str | None) -> None:
    sell(sold, change)

    version = refit(sold, OPTIONS, NOW)

    assert version == (None if reason is None else 2)
    assert rows(sold, CLV_MODEL)["reason"].to_list() == (["first"] if reason is None else ["first", reason])


def test_other_settings_are_a_new_fit_and_new_predictions(sold: Lake) -> None:
    weeks = newest_model(sold.table(CLV_MODEL)).row

    done = follow(sold, replace(OPTIONS, unit_days=1, near_days=30))

    days = newest_model(sold.table(CLV_MODEL)).row
    assert (days["reason"], days["unit_days"], done.predicted) == ("settings", 1, 1_500)
    assert days["alpha"] == pytest.approx(7 * weeks["alpha"], rel=1e-3)


def test_other_settings_make_the_table_stale_though_nobody_buys(sold: Lake) -> None:
    other = replace(OPTIONS, far_days=100)
    assert customer_value_is_behind(sold, other)
    assert not customer_value_is_behind(sold, OPTIONS)

    follow(sold, other)

    assert not customer_value_is_behind(sold, other)


def test_a_fit_that_is_asked_for_is_made(sold: Lake) -> None:
    assert refit(sold, OPTIONS, NOW, is_asked=True) == 2


def test_a_kill_between_the_reports_commit_and_the_fits_leaves_one_report(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(lake, SHOP)
    crash_before(monkeypatch, LakeTable, "append", lambda: refit(lake, OPTIONS, NOW))
    assert rows(lake, CLV_MODEL).is_empty()

    refit(lake, OPTIONS, NOW)

    report = rows(lake, CLV_HOLDOUT)
    assert report.select("model_version", "measure", "bucket").is_unique().all()
    assert report.filter(measure="week")["actual"].max() == newest_model(lake.table(CLV_MODEL)).row["holdout_purchases"]


def test_the_models_see_the_histories_that_the_table_shows(sold: Lake) -> None:
    found = purchase_histories(sold.table(CUSTOMER_DAYS).read())

    shown = rows(sold, CUSTOMER_VALUE).select(found.columns).with_columns(pl.col("monetary_value").cast(pl.Float64))
    assert_frame_equal(found, shown.sort("user_id"), abs_tol=0.0051)


TWICE: Bought = {user: [(0, "3.00"), (9 + user % 40, "4.00")] for user in range(29)}

TOO_FEW: dict[str, Bought] = {
    "all bought once": {user: [(user % 50, "3.00")] for user in range(200)},
    "one customer": {1: [(0, "3.00"), (9, "4.00")]},
    "29 came back": {**TWICE, **{user: [(user % 50, "3.00")] for user in range(100, 300)}},
    "refunded at once": {user: [(3, "0.00")] for user in range(30)},
}


@pytest.mark.parametrize("name", TOO_FEW)
def test_where_too_few_came_back_nothing_is_predicted_and_the_table_says_why(lake: Lake, name: str) -> None:
    sell(lake, TOO_FEW[name])

    follow(lake)

    found = rows(lake, CUSTOMER_VALUE)
    repeat = found.filter(pl.col("frequency") > 0).height
    why = f"{repeat} of {found.height} customers bought on a second day, and a prediction takes 30"
    assert newest_model(lake.table(CLV_MODEL)).row["purchases_doubt"] == why
    assert found["prediction"].unique().to_list() == [f"none: {why}"]
    figures = [name for name in PREDICTED if name != "prediction"]
    assert found.select(pl.col(figures).null_count()).row(0) == (found.height,) * len(figures)
    for check in (revenue_conserved, predictions_possible, model_trusted, holdout_calibrated):
        assert check(lake).passed


LIMITS: dict[str, Bought] = {
    "30 came back": {**TWICE, 29: [(3, "9.00"), (11, "1.00")]},
    "all alike": {user: [(0, "3.00"), (9, "3.00")] for user in range(300)},
    "all alike but for the day": {user: [(user % 30, "4.00"), (user % 30 + 9, "4.00")] for user in range(300)},
    "who comes back buys every day": {
        user: [(day, "2.00") for day in range(1 + 60 * (user < 40))] for user in range(99)
    },
}
"""Parameters are on their bounds here: without a prior, the likelihood has no maximum."""


@pytest.mark.parametrize("name", LIMITS)
def test_a_model_at_its_limit_is_an_answer(lake: Lake, name: str) -> None:
    sell(lake, LIMITS[name])

    follow(lake)

    found = rows(lake, CUSTOMER_VALUE)
    assert found["prediction"].unique().to_list() == ["model"]
    for check in (revenue_conserved, predictions_possible, model_trusted, holdout_calibrated):
        assert check(lake).passed


def test_a_customer_whose_purchases_all_cost_the_same_is_expected_to_spend_that(lake: Lake) -> None:
    sell(lake, {user: [(day, "4.00") for day, _ in bought] for user, bought in SHOP.items()})

    follow(lake)

    assert rows(lake, CUSTOMER_VALUE)["expected_order_value"].unique().to_list() == [Decimal("4.00")]


def test_where_nothing_costs_anything_only_purchases_are_predicted(lake: Lake) -> None:
    sell(lake, {user: [(day, "0.00") for day, _ in bought] for user, bought in SHOP.items()})

    follow(lake)

    found = rows(lake, CUSTOMER_VALUE)
    why = "0 of 1,500 customers bought again at a price above zero, and a prediction takes 30"
    assert found["prediction"].unique().to_list() == [f"purchases alone: {why}"]
    assert found["predicted_value"].null_count() == found.height
    assert found["predicted_purchases"].null_count() == 0
    assert predictions_possible(lake).passed


@pytest.mark.parametrize(
    ("modified", "chosen"),
    [(None, ("mbg_nbd", "holdout")), (False, ("bg_nbd", "setting")), (True, ("mbg_nbd", "setting"))],
)
def test_where_most_buy_once_and_leave_the_model_that_says_so_is_chosen_by_the_holdout(
    lake: Lake, modified: bool | None, chosen: tuple[str, str]
) -> None:
    # Of ten customers seven leave at once, and three come back every eight days until the end.
    sell(
        lake,
        {
            user: [(day, "5.00") for day in range(user % 8, 90, 8)][: None if user % 10 < 3 else 1]
            for user in range(900)
        },
    )

    follow(lake, replace(OPTIONS, modified=modified))

    row = newest_model(lake.table(CLV_MODEL)).row
    assert (row["model"], row["chosen_by"]) == chosen
    if modified is None:
        assert row["holdout_error_mbg_nbd"] < row["holdout_error_bg_nbd"]
        assert refit(lake, OPTIONS, NOW) is None
    report = rows(lake, CLV_HOLDOUT).filter(measure="frequency")
    off = report.select((pl.col("predicted") - pl.col("actual")).abs().sum() / pl.col("actual").sum()).item()
    assert row[f"holdout_error_{row['model']}"] == pytest.approx(off)


def test_where_the_history_is_too_short_for_a_holdout_the_likelihood_chooses(lake: Lake) -> None:
    sell(lake, {user: [(day, "5.00") for day in range(0, 12 if user % 10 < 3 else 1, 3)] for user in range(900)})

    follow(lake)

    row = newest_model(lake.table(CLV_MODEL)).row
    assert (row["model"], row["chosen_by"], row["holdout_days"]) == ("mbg_nbd", "likelihood", None)


def test_nobody_has_no_model_and_no_value(lake: Lake) -> None:
    assert follow(lake) == customer_value.Refreshed(0, 0, None)
    assert refit(lake, OPTIONS, NOW, is_asked=True) is None
    assert worth_on(lake, 1, None, OPTIONS).row is None


def test_checks_see_money_that_was_lost_and_predictions_that_can_not_be(sold: Lake) -> None:
    table = sold.table(CUSTOMER_VALUE)
    wrong = pl.when(user_id=7).then(pl.lit(2.0)).otherwise("probability_alive")
    table.replace(table.read().with_columns(probability_alive=wrong).filter(pl.col("user_id") != 8), None, {})

    assert not revenue_conserved(sold).passed
    assert predictions_possible(sold).figures["impossible"] == 1


def test_what_was_thought_on_an_earlier_day_is_kept_in_its_table(lake: Lake) -> None:
    sell(lake, until(99))
    follow(lake)
    thought = rows(lake, CUSTOMER_VALUE).row(by_predicate=pl.col("user_id") == 1, named=True)
    sell(lake, {user: [one for one in bought if one[0] > 99] for user, bought in SHOP.items()})
    done = follow(lake)
    sell(lake, {1: [(98, "500.00")]})
    follow(lake)

    assert done.recorded == FIRST + timedelta(days=99)
    kept = rows(lake, CUSTOMER_VALUE_DAYS).row(by_predicate=pl.col("user_id") == 1, named=True)
    assert {name: thought[name] for name in CUSTOMER_VALUE_DAYS.schema} == kept


def test_after_a_correction_the_answers_of_all_days_agree_and_hold_all_columns(lake: Lake) -> None:
    """Day 99 was recorded before it came to light that 1 had bought on day 98. Day 98 was not recorded."""
    sell(lake, until(99))
    follow(lake)
    sell(lake, {user: [one for one in bought if one[0] > 99] for user, bought in SHOP.items()})
    follow(lake)
    sell(lake, {1: [(98, "500.00")]})
    follow(lake)

    found = [worth_on(lake, 1, FIRST + timedelta(days=day), OPTIONS) for day in (97, 98, 99, 119)]

    assert [one.basis for one in found] == ["computed", "computed", "computed", "current"]
    told = [one.row for one in found if one.row is not None]
    assert [list(row) for row in told] == [CUSTOMER_VALUE.schema.names()] * 4
    revenue = [row["revenue"] for row in told]
    assert revenue[1] == revenue[0] + 500
    assert revenue == sorted(revenue)
    assert [row["orders"] for row in told] == sorted(row["orders"] for row in told)


def test_a_day_of_returns_alone_changes_nothing_of_what_was_recorded_before_it(lake: Lake) -> None:
    sell(lake, {1: [(0, "10.00")], 2: [(0, "5.00")]})
    follow(lake)
    sell(lake, {2: [(1, "-5.00")], 3: [(3, "1.00")]})
    follow(lake)

    then = worth_on(lake, 1, FIRST + timedelta(days=2), OPTIONS)

    assert (then.basis, then.as_of) == ("computed", FIRST)


def test_a_day_is_recorded_with_its_last_minutes_which_no_look_has_seen(lake: Lake) -> None:
    sell(lake, {1: [(0, "10.00")]})
    follow(lake)
    sell(lake, {1: [(0, "5.00")], 2: [(0, "500.00")], 3: [(1, "1.00")]})

    assert follow(lake).recorded == FIRST

    found = rows(lake, CUSTOMER_VALUE_DAYS)
    assert dict(found.select("user_id", "revenue").iter_rows()) == {1: Decimal("15.00"), 2: Decimal("500.00")}
    assert follow(lake).recorded is None


def test_of_days_long_ago_the_last_one_of_a_month_is_kept(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer_value, "DAILY_DAYS", 20)
    days = [0, 1, 30, 31, 50, 52, 70, 71]
    for day in days:
        sell(lake, {1: [(day, "2.00")], 2: [(day, "3.00")]})
        follow(lake)

    kept = sorted(set(rows(lake, CUSTOMER_VALUE_DAYS)["as_of"]))
    assert [(day - FIRST).days for day in kept] == [30, 52, 70]


def test_a_clock_that_runs_ahead_ends_no_day(lake: Lake) -> None:
    today = pl.lit(datetime.combine(FIRST, time(10), UTC))
    sell(lake, {1: [(0, "10.00")]})
    follow(lake)
    ahead = customer_days({2: [(1, "1.00")]}).with_columns(updated_at=today)
    lake.table(CUSTOMER_DAYS).append(ahead.cast(CUSTOMER_DAYS.schema), {})
    assert follow(lake).recorded is None
    sell(lake, {3: [(0, "500.00")]})
    assert follow(lake).recorded is None
    sell(lake, {1: [(1, "2.00")]})

    assert follow(lake).recorded == FIRST

    found = rows(lake, CUSTOMER_VALUE_DAYS)
    assert dict(found.select("user_id", "revenue").iter_rows()) == {1: Decimal("10.00"), 3: Decimal("500.00")}


def test_a_day_that_nobody_recorded_is_computed_from_what_was_bought_until_then(
    sold: Lake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    day = FIRST + timedelta(days=80)
    then = Lake(str(tmp_path_factory.mktemp("then")))
    sell(then, until(80))
    follow(then)

    computed = worth_on(sold, 1, day, OPTIONS)

    assert computed.basis == "computed"
    assert computed.row is not None
    expected = rows(then, CUSTOMER_VALUE).row(by_predicate=pl.col("user_id") == 1, named=True)
    assert {**expected, "model_version": None} == computed.row
    with pytest.raises(BeforeAllPurchasesError, match="by the end of 2019-09-30: the first is of 2019-10-01"):
        worth_on(sold, 1, FIRST - timedelta(days=1), OPTIONS)
    assert worth_on(sold, 999_999, date(2030, 1, 1), OPTIONS).row is None
