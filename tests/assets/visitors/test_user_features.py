"""Training data: its values, and that it holds nothing from after its day."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal

from assets.runs.clock import Clock
from assets.tables import SESSIONS, USER_DAYS, USER_FEATURES
from assets.tables.asset_specs import DAYS
from assets.visitors.user_features import features, make_features, refresh_sources, user_features
from resources.lake import Lake
from salesinsights_dagster import topic
from salesinsights_dagster.cli import main
from salesinsights_dagster.definitions import build_definitions
from salesinsights_dagster.settings import load_settings
from tests.assets.archive.month_lines import PURCHASE, load, put
from tests.assets.customers.shoppers import FIRST, regular_shop
from tests.assets.visitors.user_days import days, sessions
from tests.lakes import rows

AS_OF = date(2019, 12, 31)
NAMELESS = ",".join([*PURCHASE.split(",")[:7], "999", ""])
LIVED = days(
    (1, date(2019, 9, 1), "vvp"),
    (1, date(2019, 12, 1), "vcp"),
    (1, date(2019, 12, 25), "v"),
    (2, date(2019, 12, 31), "c"),
)
BEGUN = sessions((1, date(2019, 9, 1)), (1, date(2019, 12, 1)), (1, date(2019, 12, 25)), (1, date(2019, 12, 25)))
LATER = days((1, date(2020, 1, 1), "vp"), (3, date(2020, 1, 1), "p"))


def of(user: int, frame: pl.DataFrame) -> dict[str, object]:
    return frame.row(by_predicate=pl.col("user_id") == user, named=True)


def test_features_are_counted_over_spans_that_end_with_the_day() -> None:
    found = of(1, features(LIVED, BEGUN, AS_OF))

    assert [found[f"views{span}"] for span in ("_7d", "_30d", "_90d", "")] == [1, 1, 2, 4]
    assert [found[f"active_days{span}"] for span in ("_7d", "_30d", "_90d", "")] == [1, 1, 2, 3]
    assert [found[f"sessions{span}"] for span in ("_7d", "_30d", "_90d", "")] == [2, 2, 3, 4]
    assert (found["revenue"], found["revenue_90d"]) == (Decimal("5.00"), Decimal("2.50"))
    names = ("days_since_first_event", "days_since_last_event", "days_since_purchase", "recency", "frequency")
    assert [found[name] for name in names] == [121, 6, 30, 91, 1]


def test_who_has_not_bought_has_no_purchase_to_look_back_to() -> None:
    found = of(2, features(LIVED, BEGUN, AS_OF))

    assert [found[name] for name in ("days_since_purchase", "recency", "frequency")] == [None, None, None]
    assert (found["carts_7d"], found["purchases"], found["sessions"]) == (1, 0, 0)


def test_sessions_are_those_of_the_sessions_table(lake: Lake, tmp_path: Path) -> None:
    """One visit with a pause, over midnight, and events without a visit: two sessions and one, not one visit a day."""
    times = ("09:00:00", "09:10:00", "12:00:00", "23:50:00")
    lines = [PURCHASE.replace("2019-10-01 00:00:00", f"2019-10-01 {at}") for at in times]
    lines += [PURCHASE.replace("2019-10-01 00:00:00", "2019-10-02 00:10:00"), NAMELESS]
    put(tmp_path, lines)
    load(lake, tmp_path)
    refresh_sources(lake)

    found = make_features(lake, date(2019, 10, 2))

    held = rows(lake, SESSIONS).group_by("user_id").len().sort("user_id")
    assert found["sessions"].to_list() == held["len"].to_list() == [1, 3]


def test_later_events_change_nothing(lake: Lake) -> None:
    table, begun = lake.table(USER_DAYS), lake.table(SESSIONS)
    table.append(LIVED, {})
    begun.append(BEGUN, {})
    before = make_features(lake, AS_OF)
    table.append(LATER, {})
    begun.append(sessions((1, date(2020, 1, 1))), {})

    assert_frame_equal(make_features(lake, AS_OF), before)
    assert_frame_equal(features(pl.concat([LIVED, LATER]), BEGUN, AS_OF).sort("user_id"), before)


def test_a_day_is_recomputed_beside_others(lake: Lake) -> None:
    lake.table(USER_DAYS).append(LIVED, {})
    for _ in range(2):
        make_features(lake, AS_OF)
        make_features(lake, date(2019, 10, 1))

    assert rows(lake, USER_FEATURES)["as_of"].to_list() == [date(2019, 10, 1), AS_OF, AS_OF]


def test_every_column_is_explained_and_a_day_is_a_partition_of_dagster(lake: Lake, tmp_path: Path) -> None:
    put(tmp_path, [PURCHASE, PURCHASE.replace("463240011", "7")])
    load(lake, tmp_path)
    defs = build_definitions(load_settings({"SALESINSIGHTS_LAKE": lake.root}))
    (spec,) = [spec for spec in defs.resolve_all_asset_specs() if spec.key.path[-1] == "user_features"]
    job = defs.resolve_implicit_global_asset_job_def()

    job.execute_in_process(asset_selection=[spec.key], partition_key=AS_OF.isoformat())

    assert rows(lake, USER_FEATURES).height == 2
    assert spec.partitions_def == DAYS


def test_a_range_of_days_is_one_run_and_a_day_to_come_has_no_features(lake: Lake, tmp_path: Path) -> None:
    put(tmp_path, [PURCHASE, PURCHASE.replace("463240011", "7")])
    load(lake, tmp_path)
    now = datetime(2019, 10, 31, 12, tzinfo=UTC)
    resources = {"lake": lake, "clock": Clock(lambda: now)}
    span = {"dagster/asset_partition_range_start": "2019-10-30", "dagster/asset_partition_range_end": "2019-11-01"}
    location = dg.Definitions(assets=[user_features], resources=resources)

    result = location.resolve_implicit_global_asset_job_def().execute_in_process(tags=span)

    made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    assert {one.partition: one.metadata["dagster/row_count"].value for one in made} == {
        "2019-10-30": 2,
        "2019-10-31": 2,
        "2019-11-01": 0,
    }
    assert set(rows(lake, USER_FEATURES)["as_of"]) == {date(2019, 10, 30), date(2019, 10, 31)}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose user_days have customers who buy at rates of their own."""
    monkeypatch.setenv("SALESINSIGHTS_HOME", str(tmp_path))
    lived = [
        (user, FIRST + timedelta(days=day), "vp")
        for user, all_of in regular_shop(400, 120).items()
        for day, _ in all_of
    ]
    monkeypatch.setattr("assets.visitors.user_features.refresh_days", lambda lake, layout: iter(()))
    Lake(load_settings().lake).table(USER_DAYS).append(days(*lived), {})
    return tmp_path


def test_the_export_is_what_the_docs_train_on(shop: Path) -> None:
    first, second = FIRST + timedelta(days=80), FIRST + timedelta(days=110)
    for day in (first, second):
        done = CliRunner().invoke(main, ["export", "features", "--as-of", str(day), "--out", str(shop / "out")])
        assert done.exit_code == 0, done.output

    script = [sys.executable, "docs/train_on_features.py", str(shop / "out"), str(first), str(second)]
    shown = subprocess.run(script, capture_output=True, text=True, check=True, timeout=540).stdout

    users = Lake(load_settings().lake).table(USER_FEATURES).read(USER_FEATURES.on_days([first]))
    assert f"{users.height} users, {users.width} columns, revenue {users['revenue'].sum()}" in shown
    assert float(shown.split("ROC curve: ")[1]) > 0.6


def test_a_day_to_come_is_refused_and_today_is_said_to_be_unfinished(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2020, 2, 29, 23, 59, 59, tzinfo=UTC)
    monkeypatch.setattr(topic, "utc_now", lambda: moment)

    to_come, now = (
        CliRunner().invoke(main, ["export", "features", "--as-of", str(day), "--out", str(shop / "out")])
        for day in (moment.date() + timedelta(days=1), moment.date())
    )

    assert to_come.exit_code == 2
    assert "is a day to come" in to_come.output
    assert (now.exit_code, "is not over" in now.stderr) == (0, True)


def test_a_day_before_anybody_was_seen_is_refused(shop: Path) -> None:
    done = CliRunner().invoke(main, ["export", "features", "--as-of", "2019-01-01", "--out", str(shop)])

    assert done.exit_code == 2
    assert "nobody was seen until 2019-01-01" in done.output
