"""Which assets follow by declarative automation, and when."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.tables import COHORT_RETENTION, CUSTOMER_DAYS, SILVER_EVENTS, SILVER_PURCHASES, USER_DAYS
from assets.tables.asset_specs import key_of
from salesinsights_dagster.definitions import build_definitions
from salesinsights_dagster.settings import load_settings
from sensors.customer_automation import CADENCES

NOW = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)


class Daemon:
    """What the daemon does at each tick of the sensor, without its clock."""

    def __init__(self, instance: dg.DagsterInstance, home: Path, looked: bool = True) -> None:
        self.instance, self._home = instance, home
        self._defs = build_definitions(load_settings({"SALESINSIGHTS_HOME": str(home)}))
        self._cursor = None
        if looked:
            self.look(NOW)

    def restarted(self, **settings: str) -> None:
        """With other settings; the sensor's cursor is kept."""
        self._defs = build_definitions(load_settings({"SALESINSIGHTS_HOME": str(self._home), **settings}))

    def look(self, now: datetime) -> set[str]:
        """The assets that a tick requests."""
        done = dg.evaluate_automation_conditions(
            self._defs, self.instance, cursor=self._cursor, evaluation_time=now, asset_selection=dg.AssetSelection.all()
        )
        self._cursor = done.cursor  # type: ignore[assignment]
        return {key.to_user_string() for key in CADENCES if done.get_num_requested(key)}

    def made(self, key: dg.AssetKey, day: str | None = None) -> None:
        self.instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=day))


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Daemon(instance, tmp_path)


CUSTOMERS = {
    *(f"gold/{name}" for name in ("clv_model", "clv_holdout", "customer_value", "customer_value_days")),
    *("gold/expected_sales", "gold/sales_backtest"),
}
AUDIENCES = "gold/audience_members"
CARTS = {"gold/abandoned_carts", "gold/recovered_carts"}
VISITS = {"gold/funnel_daily", "gold/user_days", "silver/sessions", *CARTS, AUDIENCES, "gold/category_sales_daily"}
SEGMENT_TABLES = {"gold/segments", "gold/segment_moves"}
COHORTS = key_of(COHORT_RETENTION).to_user_string()
BI = "serving/duckdb"


def after(**passed: int) -> datetime:
    return NOW + timedelta(**passed)


def test_customers_follow_a_day_of_purchases_and_what_is_made_from_them_follows_in_the_same_run(daemon: Daemon) -> None:
    daemon.made(key_of(CUSTOMER_DAYS), "2019-10-01")

    assert daemon.look(after(minutes=5)) == {*CUSTOMERS, AUDIENCES, BI}
    assert daemon.look(after(minutes=10)) == set()


@pytest.mark.parametrize(
    ("setting", "due"),
    [
        ("SALESINSIGHTS_CLV_DAYS", {*CUSTOMERS, AUDIENCES, BI}),
        ("SALESINSIGHTS_CART_DAYS", {*CARTS, AUDIENCES, BI}),
    ],
)
def test_a_changed_setting_is_followed_though_nothing_was_sold(daemon: Daemon, setting: str, due: set[str]) -> None:
    daemon.restarted(**{setting: "200"})

    assert daemon.look(after(minutes=5)) == due
    assert daemon.look(after(minutes=10)) == set()


def test_visits_and_carts_follow_silver(daemon: Daemon) -> None:
    daemon.made(key_of(SILVER_EVENTS), "2019-10-01")

    assert daemon.look(after(minutes=5)) == {*VISITS, BI}


def test_what_is_made_after_a_request_is_followed_at_the_next_look(daemon: Daemon) -> None:
    for look in range(1, 4):
        daemon.made(key_of(SILVER_EVENTS), "2019-10-01")
        assert daemon.look(after(minutes=5 * look)) == {*VISITS, BI}
    assert daemon.look(after(minutes=20)) == set()


def test_what_was_made_before_the_first_look_is_followed(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = Daemon(instance, tmp_path, looked=False)
        for layout in (SILVER_EVENTS, CUSTOMER_DAYS):
            daemon.made(key_of(layout), "2019-10-01")

        assert daemon.look(NOW) >= {*CUSTOMERS, *VISITS}
        assert daemon.look(after(minutes=5)) == set()


def test_cohorts_and_segments_follow_once_an_hour(daemon: Daemon) -> None:
    daemon.made(key_of(USER_DAYS))
    assert daemon.look(after(minutes=5)) == set()

    # The first look makes everything due.
    assert daemon.look(after(hours=1)) >= {COHORTS, *SEGMENT_TABLES, BI}
    daemon.made(key_of(USER_DAYS))
    assert daemon.look(after(hours=1, minutes=5)) == set()

    assert daemon.look(after(hours=2)) == {COHORTS, BI}


def test_the_bi_file_is_written_every_hour_for_its_views_name_files_that_may_be_replaced(daemon: Daemon) -> None:
    assert daemon.look(after(minutes=50)) == set()

    assert daemon.look(after(hours=1)) >= {BI}
    assert daemon.look(after(hours=1, minutes=5)) == set()
    assert daemon.look(after(hours=2)) == {BI}


def test_what_is_said_of_products_follows_the_purchases_once_an_hour(daemon: Daemon) -> None:
    of_products = {"gold/product_outlook", "gold/bought_together", "gold/repurchases", "serving/duckdb"}
    assert daemon.look(after(hours=1)) >= of_products
    daemon.made(key_of(SILVER_PURCHASES), "2019-10-01")
    assert daemon.look(after(hours=1, minutes=5)) == {AUDIENCES, "gold/category_sales_daily", BI}

    assert daemon.look(after(hours=2)) == of_products


def test_every_asset_that_no_sensor_makes_has_a_cadence(tmp_path: Path) -> None:
    defs = build_definitions(load_settings({"SALESINSIGHTS_HOME": str(tmp_path)}))

    specs = {spec.key: spec for spec in defs.resolve_all_asset_specs()}

    assert CADENCES.keys() <= specs.keys()
    assert {key for key, spec in specs.items() if spec.automation_condition} == CADENCES.keys()
