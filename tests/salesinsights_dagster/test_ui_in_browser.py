"""Dagster's launch dialog as people click through it, in a real browser."""

import time
from typing import Any

import pytest
from confluent_kafka import Producer
from playwright.sync_api import Page, expect

from assets.tables import BRONZE_ARCHIVE_MONTHS, PRODUCT_SALES, RESTATEMENTS
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake
from salesinsights_dagster.dagster_process import DagsterProcess
from salesinsights_dagster.settings import Settings
from salesinsights_dagster.simulator.month_file import write_month
from salesinsights_dagster.simulator.shop import Shop
from tests.conftest import event
from tests.salesinsights_dagster.dagster_ui import DagsterUi
from tests.salesinsights_dagster.dashboard.conftest import page as page

pytestmark = [pytest.mark.kafka, pytest.mark.daemon, pytest.mark.timeout(900)]

PATIENCE = 60_000
SOLD, LINES = 10, 500

NEWEST = """
query ($tags: [ExecutionTag!]) { runsOrError(filter: {tags: $tags}, limit: 1) { ... on Runs { results { id } } } }
"""
BACKFILLS = "{ partitionBackfillsOrError(limit: 1) { ... on PartitionBackfills { results { id } } } }"


@pytest.fixture(scope="module")
def filled(settings: Settings, dagster: DagsterProcess, real_kafka: KafkaConnection) -> Lake:
    """Sales of one day, read by the stream, and a month's file in the archive folder."""
    settings.archive_folder.mkdir(exist_ok=True)
    write_month(Shop(seed=1), 2019, 11, LINES, settings.archive_folder)
    producer = Producer(real_kafka.options())
    for user in range(SOLD):
        producer.produce(settings.topic, event(user_id=user), b"1")
    assert producer.flush(20) == 0
    lake, deadline = Lake(settings.lake), time.monotonic() + 240
    while lake.table(PRODUCT_SALES).read()["units"].sum() < SOLD:
        assert time.monotonic() < deadline, dagster.log.read_text()[-3_000:]
        time.sleep(0.5)
    return lake


def open_launch(page: Page, dagster: DagsterProcess, asset: str) -> None:
    page.set_viewport_size({"width": 1600, "height": 1000})
    page.goto(f"{dagster.url}/assets/{asset}")
    page.get_by_role("button", name="Materialize").first.click(timeout=PATIENCE)


def choose(page: Page, partitions: str) -> None:
    """Type the partitions into the dialog, which shows only the last 90 days until it is asked for all."""
    page.get_by_text("Show all partitions").click(timeout=PATIENCE)
    field = page.get_by_role("dialog").get_by_role("textbox").first
    field.fill(partitions)
    field.press("Enter")


def newest_run(dagster: DagsterProcess, **tags: str) -> str:
    wanted = [{"key": key, "value": value} for key, value in tags.items()]
    (run,) = dagster.ask(NEWEST, {"tags": wanted})["runsOrError"]["results"]
    return str(run["id"])


def seen_to_succeed(page: Page, dagster: DagsterProcess, run: str) -> Any:
    found = DagsterUi(dagster).ended_run(run)
    page.goto(f"{dagster.url}/runs/{run}")
    expect(page.get_by_text("Success").first).to_be_visible(timeout=PATIENCE)
    assert (found["status"], found["errors"]) == ("SUCCESS", [])
    return {("/".join(one["assetKey"]["path"]), one["partition"]) for one in found["assetMaterializations"]}


def test_days_of_a_table_are_chosen_and_materialized(filled: Lake, dagster: DagsterProcess, page: Page) -> None:
    open_launch(page, dagster, "gold/product_sales")
    choose(page, "[2019-10-01...2019-10-02]")
    page.get_by_role("button", name="Launch backfill").click(timeout=PATIENCE)
    expect(page.get_by_role("dialog")).to_be_hidden(timeout=PATIENCE)

    (backfill,) = dagster.ask(BACKFILLS)["partitionBackfillsOrError"]["results"]
    ended = DagsterUi(dagster).ended_backfill(backfill["id"])

    assert ended["status"] == "COMPLETED_SUCCESS", ended
    (run,) = ended["runs"]
    assert seen_to_succeed(page, dagster, run["id"]) == {
        (PRODUCT_SALES.name, "2019-10-01"),
        (PRODUCT_SALES.name, "2019-10-02"),
    }


def test_a_month_is_chosen_and_loaded(filled: Lake, dagster: DagsterProcess, page: Page) -> None:
    open_launch(page, dagster, BRONZE_ARCHIVE_MONTHS.name)
    choose(page, "2019-11-01")
    page.get_by_role("button", name="Launch 1 run").click(timeout=PATIENCE)
    expect(page.get_by_role("dialog")).to_be_hidden(timeout=PATIENCE)

    run = newest_run(dagster, **{"dagster/partition": "2019-11-01"})

    assert (BRONZE_ARCHIVE_MONTHS.name, "2019-11-01") in seen_to_succeed(page, dagster, run)
    assert filled.table(BRONZE_ARCHIVE_MONTHS).read()["lines"].to_list() == [LINES]


def test_a_table_without_partitions_is_materialized_at_once(filled: Lake, dagster: DagsterProcess, page: Page) -> None:
    open_launch(page, dagster, RESTATEMENTS.name)
    note = page.locator("a[href*='/runs/']").filter(has_text="View").first
    run = str(note.get_attribute("href", timeout=PATIENCE)).rsplit("/", 1)[-1]

    assert seen_to_succeed(page, dagster, run) == {(RESTATEMENTS.name, None)}


@pytest.mark.parametrize("asset", ["kafka/shop_events", "archive/files", "kafka/product_sales"])
def test_what_others_write_offers_no_materialize(dagster: DagsterProcess, page: Page, asset: str) -> None:
    page.goto(f"{dagster.url}/assets/{asset}")

    expect(page.get_by_text("Definition").first).to_be_visible(timeout=PATIENCE)
    offered = page.get_by_role("button", name="Materialize")
    assert [button.is_enabled() for button in offered.all()] in ([], [False])
