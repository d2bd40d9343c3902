"""The customer assets as Dagster runs them."""

from pathlib import Path

import dagster as dg
import pytest

from assets.customers.clv_checks import CHECKS
from assets.customers.customer_assets import CUSTOMER_ASSETS
from assets.runs.launched_by_hand import AUTOMATED
from assets.serving.duckdb_file import SERVING
from assets.tables import (
    CLV_HOLDOUT,
    CLV_MODEL,
    CUSTOMER_DAYS,
    CUSTOMER_VALUE,
    CUSTOMER_VALUE_DAYS,
    EXPECTED_SALES,
    SALES_BACKTEST,
)
from assets.tables.asset_specs import key_of
from resources.lake import Lake
from resources.table_layout import TableLayout
from salesinsights_dagster.definitions import build_definitions
from salesinsights_dagster.settings import load_settings
from tests.assets.customers.shoppers import customer_days, regular_shop

SHOP = regular_shop(1_000, 120)


@pytest.fixture
def sold(lake: Lake) -> Lake:
    lake.table(CUSTOMER_DAYS).append(customer_days(SHOP), {})
    return lake


AUTOMATION = {AUTOMATED: "true"}


def materialize(
    lake: Lake, *layouts: TableLayout | dg.AssetSpec, tags: dict[str, str] | None = None
) -> dg.ExecuteInProcessResult:
    defs = build_definitions(load_settings({"SALESINSIGHTS_HOME": str(Path(lake.root).parent)}))
    job = defs.get_implicit_global_asset_job_def()
    keys = [one.key if isinstance(one, dg.AssetSpec) else key_of(one) for one in layouts]
    return job.execute_in_process(asset_selection=keys, tags=tags)


def made(result: dg.ExecuteInProcessResult) -> list[str]:
    events = result.get_asset_materialization_events()
    return [event.step_materialization_data.materialization.asset_key.path[-1] for event in events]


def test_a_run_tells_of_what_it_made_and_of_all_checks(sold: Lake) -> None:
    everything = (CLV_MODEL, CLV_HOLDOUT, CUSTOMER_VALUE, CUSTOMER_VALUE_DAYS)

    first, second = (materialize(sold, *everything, tags=AUTOMATION) for _ in range(2))

    assert made(first) == ["clv_model", "clv_holdout", "customer_value"]
    assert made(second) == ["customer_value"]
    for result in (first, second):
        checked = result.get_asset_check_evaluations()
        assert {check.check_name: check.passed for check in checked} == dict.fromkeys(CHECKS, True)


def test_what_is_asked_for_by_hand_is_made_though_nothing_is_due(sold: Lake) -> None:
    everything = (CLV_MODEL, CLV_HOLDOUT, CUSTOMER_VALUE, CUSTOMER_VALUE_DAYS)
    materialize(sold, *everything)

    assert set(made(materialize(sold, *everything))) == {layout.name.split("/")[1] for layout in everything}
    assert made(materialize(sold, CUSTOMER_VALUE_DAYS)) == ["customer_value_days", "customer_value"]


def test_the_file_for_bi_tools_is_written_though_no_fit_and_no_day_are_due(sold: Lake) -> None:
    everything = (*CUSTOMER_ASSETS, EXPECTED_SALES, SALES_BACKTEST, SERVING)
    materialize(sold, *everything)

    assert made(materialize(sold, *everything, tags=AUTOMATION))[-1] == "duckdb"


def test_the_fit_is_shown_with_its_figures_and_its_picture(sold: Lake) -> None:
    events = materialize(sold, CLV_MODEL, CLV_HOLDOUT).get_asset_materialization_events()

    model, report = (event.step_materialization_data.materialization.metadata for event in events)
    assert {"r", "alpha_error", "purchases_log_likelihood", "reason", "holdout_purchases"} <= model.keys()
    assert str(report["holdout"].value).startswith("![holdout](data:image/png;base64,")


def test_the_model_asked_for_alone_is_fitted_again(sold: Lake) -> None:
    materialize(sold, CUSTOMER_VALUE)

    assert made(materialize(sold, CLV_MODEL)) == ["clv_model", "clv_holdout"]
    assert made(materialize(sold, CUSTOMER_VALUE)) == ["customer_value"]


def test_what_is_expected_follows_the_values_though_no_fit_is_due(sold: Lake) -> None:
    materialize(sold, CLV_MODEL, CLV_HOLDOUT, CUSTOMER_VALUE, tags=AUTOMATION)
    following = (CLV_MODEL, CLV_HOLDOUT, CUSTOMER_VALUE, CUSTOMER_VALUE_DAYS, EXPECTED_SALES, SALES_BACKTEST)

    first, by_hand = materialize(sold, *following, tags=AUTOMATION), materialize(sold, *following)

    assert made(first) == ["customer_value", "expected_sales", "sales_backtest"]
    assert set(made(by_hand)) == {layout.name.split("/")[1] for layout in following}
