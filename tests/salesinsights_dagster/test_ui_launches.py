"""Everything that Dagster's UI offers to launch, launched as the UI does it: real server and daemon, with data."""

import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import Producer

from assets.tables import BRONZE_ARCHIVE_MONTHS, PRODUCT_SALES_DAILY
from assets.upkeep.audit import audit
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake
from salesinsights_dagster.dagster_process import DagsterProcess
from salesinsights_dagster.definitions import build_definitions
from salesinsights_dagster.settings import Settings, load_settings
from salesinsights_dagster.simulator.month_file import write_month
from salesinsights_dagster.simulator.shop import Shop
from tests.campaign import in_campaign
from tests.conftest import event
from tests.salesinsights_dagster.dagster_ui import DagsterUi

pytestmark = [pytest.mark.kafka, pytest.mark.daemon, pytest.mark.timeout(900)]

GRAPH = build_definitions(load_settings({"SALESINSIGHTS_HOME": "/nowhere"})).resolve_asset_graph()
PARTITIONED = {key.to_user_string(): GRAPH.get(key).is_partitioned for key in sorted(GRAPH.executable_asset_keys)}
MONTHS = BRONZE_ARCHIVE_MONTHS.name
DAILY = [name for name, is_partitioned in PARTITIONED.items() if is_partitioned and name != MONTHS]
ALIKE = {"gold/customer_days", "gold/product_sales_daily", "silver/purchases"}
SIBLINGS = {
    *("gold/clv_holdout", "gold/customer_value_days", "gold/recovered_carts", "gold/sales_backtest"),
    *("gold/segment_moves", "gold/user_days", "silver/sessions"),
}
"""Tables without a check that a step makes together with another one: a run of each is the same step again."""

ALONE = [name for name in PARTITIONED if in_campaign() or name not in ALIKE | SIBLINGS]
"""Those that are launched alone."""

SPANNED = [name for name in DAILY if in_campaign() or name not in ALIKE]
"""Those of which spans of days are launched: outside a campaign not each of the tables that the same code makes."""

CHECKED = sorted({key.asset_key.to_user_string() for key in GRAPH.asset_check_keys})
CHECKED_ALONE = [name for name in CHECKED if not PARTITIONED[name]]
GROUPS = ("bronze", "silver", "gold", "serving", "upkeep")

MONTH, MONTH_WITHOUT_FILE = "2019-11-01", "2020-01-01"
DAY, SPAN = "2019-10-01", ["2019-10-01", "2019-10-02", "2019-10-03"]
"""Two of the three days have events."""

DIALOG = {"needed": [], "pipelineOrError": "Pipeline", "partitionSetsOrError": "PartitionSets"}
SOLD_A_DAY, LINES = 20, 1_000


@dataclass
class Launched:
    """Runs and backfills that are under way, by what was asked for."""

    ui: DagsterUi
    runs: dict[str, str] = field(default_factory=dict)
    backfills: dict[str, str] = field(default_factory=dict)

    def run(self, name: str) -> Any:
        return self.ui.ended_run(self.runs[name])

    def backfill(self, name: str) -> Any:
        return self.ui.ended_backfill(self.backfills[name])


@pytest.fixture(scope="module")
def filled(settings: Settings, dagster: DagsterProcess, real_kafka: KafkaConnection) -> Lake:
    """A lake with two days of October, read by the stream, and a month's file in the archive folder."""
    settings.archive_folder.mkdir(exist_ok=True)
    write_month(Shop(seed=1), 2019, 11, LINES, settings.archive_folder)
    producer = Producer(real_kafka.options())
    for day in (DAY, "2019-10-03"):
        for user in range(SOLD_A_DAY):
            producer.produce(settings.topic, event(user_id=user, event_time=f"{day} 10:00:00 UTC"), b"1")
    producer.produce(settings.topic, b"not an event")
    assert producer.flush(20) == 0
    lake, deadline = Lake(settings.lake), time.monotonic() + 240
    while lake.table(PRODUCT_SALES_DAILY).read()["units"].sum() < 2 * SOLD_A_DAY:
        assert time.monotonic() < deadline, dagster.log.read_text()[-3_000:]
        time.sleep(0.5)
    return lake


@pytest.fixture(scope="module")
def launched(filled: Lake, dagster: DagsterProcess) -> Launched:
    """Everything at once, beside the sensors: the daemon polls its backfills twice a minute."""
    ui = DagsterUi(dagster)
    under_way = Launched(ui)
    for name in SPANNED:
        under_way.backfills[name] = ui.backfill([name], SPAN)
    under_way.backfills["missing"] = ui.backfill(["silver/events", "gold/product_sales"], _missing())
    under_way.backfills["months"] = ui.backfill([MONTHS], [MONTH, MONTH_WITHOUT_FILE])
    under_way.backfills["job stream"] = ui.backfill(_assets_of(ui, "stream"), SPAN, job="stream")
    for group, partitions in (("bronze", [MONTH]), ("silver", SPAN), ("gold", SPAN)):
        under_way.backfills[group] = ui.backfill(ui.group(group), partitions)
    under_way.backfills["all"] = ui.backfill(PARTITIONED, [MONTH])
    for name in ALONE:
        under_way.runs[name] = ui.run([name], _one(name) if PARTITIONED[name] else ())
    for name in SPANNED:
        under_way.runs[f"range of {name}"] = ui.run([name], SPAN)
    for name in CHECKED_ALONE:
        under_way.runs[f"checks of {name}"] = ui.execute_checks(name, ui.assets[name].checks)
    for group in ("silver", "gold", "serving", "upkeep"):
        under_way.runs[group] = ui.run(ui.group(group), [DAY] if group in ("silver", "gold") else ())
    for job in ("archive", "customers", "upkeep", "proof"):
        under_way.runs[f"job {job}"] = ui.run(_assets_of(ui, job), [MONTH] if job == "archive" else (), job)
    under_way.runs["job publish"] = ui.run_job("publish")
    return under_way


def _missing() -> list[str]:
    """Ninety days without any event, up to tomorrow: what `Missing` selects in the dialog if the shop stands still."""
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    return [(tomorrow - timedelta(days=before)).isoformat() for before in range(90)][::-1]


def _one(name: str) -> list[str]:
    return [MONTH] if name == MONTHS else [DAY]


def _assets_of(ui: DagsterUi, job: str) -> list[str]:
    return [asset.name for asset in ui.assets.values() if job in asset.jobs]


def made(run: Any) -> set[tuple[str, str | None]]:
    assert (run["status"], run["errors"]) == ("SUCCESS", [])
    return {("/".join(one["assetKey"]["path"]), one["partition"]) for one in run["assetMaterializations"]}


@pytest.mark.parametrize("name", PARTITIONED)
def test_the_dialog_of_an_asset_opens(launched: Launched, name: str) -> None:
    assert launched.ui.open_dialog([name]).items() >= DIALOG.items()


@pytest.mark.parametrize("group", GROUPS)
def test_the_dialog_of_a_group_opens(launched: Launched, group: str) -> None:
    assert launched.ui.open_dialog(launched.ui.group(group)).items() >= DIALOG.items()


def test_what_others_write_is_not_offered(launched: Launched) -> None:
    others = {asset.name for asset in launched.ui.assets.values() if not asset.is_executable}
    assert others == {key.to_user_string() for key in GRAPH.get_all_asset_keys() - GRAPH.executable_asset_keys}
    assert launched.ui.group("sources") == []


@pytest.mark.parametrize("name", ALONE)
def test_an_asset_alone_is_materialized_and_all_its_checks_come_out(launched: Launched, name: str) -> None:
    run = launched.run(name)

    assert (name, _one(name)[0] if PARTITIONED[name] else None) in made(run)
    assert set(launched.ui.assets[name].checks) <= set(run["checked"])


@pytest.mark.parametrize("name", SPANNED)
def test_a_range_of_days_is_one_run_also_with_an_empty_day(launched: Launched, name: str) -> None:
    run = launched.run(f"range of {name}")

    assert made(run) >= {(name, day) for day in SPAN}
    assert set(launched.ui.assets[name].checks) <= set(run["checked"])


@pytest.mark.parametrize("name", SPANNED)
def test_a_backfill_of_days_completes_in_one_run(launched: Launched, name: str) -> None:
    backfill = launched.backfill(name)

    assert (backfill["status"], len(backfill["runs"])) == ("COMPLETED_SUCCESS", 1), backfill
    (counts,) = backfill["assetBackfillData"]["assetBackfillStatuses"]
    assert (counts["numPartitionsTargeted"], counts["numPartitionsMaterialized"]) == (3, 3)


def test_all_missing_days_are_one_run_though_empty_or_in_the_future(launched: Launched) -> None:
    backfill = launched.backfill("missing")

    assert (backfill["status"], len(backfill["runs"])) == ("COMPLETED_SUCCESS", 1), backfill
    for counts in backfill["assetBackfillData"]["assetBackfillStatuses"]:
        assert counts["numPartitionsMaterialized"] == len(_missing())


@pytest.mark.parametrize("name", CHECKED_ALONE)
def test_checks_alone_come_out(launched: Launched, name: str) -> None:
    run = launched.run(f"checks of {name}")

    assert made(run) == set()
    assert set(run["checked"]) == set(launched.ui.assets[name].checks)


@pytest.mark.parametrize("group", ["silver", "gold", "serving", "upkeep"])
def test_a_group_is_materialized_in_one_run(launched: Launched, group: str) -> None:
    expected = {(name, DAY if PARTITIONED[name] else None) for name in launched.ui.group(group)}

    assert made(launched.run(group)) >= expected


@pytest.mark.parametrize("group", ["bronze", "silver", "gold"])
def test_a_backfill_of_a_group_completes(launched: Launched, group: str) -> None:
    backfill = launched.backfill(group)

    assert backfill["status"] == "COMPLETED_SUCCESS", backfill


def test_materialize_all_of_the_lineage_completes(launched: Launched) -> None:
    backfill = launched.backfill("all")

    assert backfill["status"] == "COMPLETED_SUCCESS", backfill


@pytest.mark.parametrize("job", ["archive", "customers", "upkeep", "proof"])
def test_a_job_runs_from_its_page(launched: Launched, job: str) -> None:
    assert made(launched.run(f"job {job}"))


def test_the_job_that_publishes_files_runs_from_its_launchpad(launched: Launched) -> None:
    assert made(launched.run("job publish")) == set()


def test_days_are_backfilled_from_the_page_of_the_stream(launched: Launched) -> None:
    backfill = launched.backfill("job stream")

    assert backfill["status"] == "COMPLETED_SUCCESS", backfill


def test_a_month_without_a_file_says_so_and_runs_again_once_there_is_one(
    launched: Launched, settings: Settings
) -> None:
    backfill = launched.backfill("months")
    (failed,) = [run["id"] for run in backfill["runs"] if run["status"] == "FAILURE"]
    assert "2020-Jan.csv" in str(launched.ui.ended_run(failed)["errors"])
    write_month(Shop(seed=2), 2020, 1, LINES, settings.archive_folder)

    again = launched.ui.ended_run(launched.ui.again(failed, "FROM_FAILURE"))

    assert (MONTHS, MONTH_WITHOUT_FILE) in made(again)


def test_a_run_that_failed_half_way_goes_on_from_there(launched: Launched, settings: Settings) -> None:
    for name in ("serving", "serving/duckdb", "job customers"):
        launched.run(name)
    for name in ("gold", "all"):
        launched.backfill(name)
    settings.serving_file.unlink()
    settings.serving_file.mkdir()
    failed = launched.ui.run(["gold/product_sales_daily", "serving/duckdb"], [DAY])
    assert launched.ui.ended_run(failed)["status"] == "FAILURE"
    settings.serving_file.rmdir()

    again = launched.ui.ended_run(launched.ui.again(failed, "FROM_FAILURE"))

    assert made(again) == {("serving/duckdb", None)}
    assert made(launched.ui.ended_run(launched.ui.again(failed, "ALL_STEPS"))) >= {
        ("serving/duckdb", None),
        ("gold/product_sales_daily", DAY),
    }


def test_all_of_it_changed_no_sale(launched: Launched, filled: Lake) -> None:
    for name in launched.runs:
        launched.run(name)
    for name in launched.backfills:
        launched.backfill(name)

    assert audit(filled).findings == []
    sold = filled.table(PRODUCT_SALES_DAILY).read("event_date < DATE '2019-11-01'", ["event_date", "units"])
    assert dict(sold.group_by("event_date").sum().iter_rows()) == {
        date.fromisoformat(day): SOLD_A_DAY for day in (DAY, "2019-10-03")
    }
