from dataclasses import replace
from datetime import date

import dagster as dg
import polars as pl
import pytest

from assets.stream.stream_assets import Stream, micro_batch
from assets.tables import BRONZE_EVENTS, DAILY, PRODUCT_SALES, SILVER_EVENTS, SILVER_PURCHASES
from assets.upkeep.proof import differences
from assets.upkeep.proof_checks import proof, proof_check
from assets.upkeep.proven_days import PROVED
from resources import engine
from resources.lake import Lake, OpenTables
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout
from sensors.jobs import PROOF
from tests.assets.silver.tasks_in_turn import TasksInTurn
from tests.faults.feed import DAYS, Feed
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

DAY = date(2019, 10, 1)


def opened(lake: Lake) -> OpenTables:
    return OpenTables(lake, (*DAILY, SILVER_PURCHASES, SILVER_EVENTS, BRONZE_EVENTS))


@pytest.fixture
def feed(mock_kafka: MockKafka, topic: str) -> Feed:
    return Feed(mock_kafka.connection, topic)


@pytest.fixture
def streamed(lake: Lake, stream: Stream, feed: Feed) -> None:
    """Three batches with duplicates, conflicts, late and refused messages."""
    for _ in range(3):
        feed.publish()
        run(lake, stream)


def test_what_the_stream_left_is_what_bronze_amounts_to(lake: Lake, streamed: None) -> None:
    for day in map(date.fromisoformat, DAYS):
        assert differences(opened(lake), day, 45).is_empty()


def test_a_row_that_changed_is_shown_from_both_sides(lake: Lake, streamed: None) -> None:
    gold = rows(lake, PRODUCT_SALES)
    wrong = gold.with_columns(units=pl.when(pl.int_range(pl.len()) == 0).then(99).otherwise("units"))
    lake.table(PRODUCT_SALES).replace(wrong, None, {"batch": 3})

    found = differences(opened(lake), gold["event_date"][0], 45)

    assert found["table"].to_list() == ["gold/product_sales"] * 2
    assert found["held_by"].to_list() == ["table", "rebuild"]
    assert '"units":99' in found["row"][0]


def test_a_lost_event_is_found_in_silver_and_in_gold(lake: Lake, streamed: None) -> None:
    silver = lake.table(SILVER_EVENTS)
    bought = silver.read(f"event_type = 'purchase' AND {SILVER_EVENTS.on_days([DAY])}").sort("offset")
    place = f'partition = {bought["partition"][0]} AND "offset" = {bought["offset"][0]}'
    silver.replace(silver.read().clear(), place, {"batch": 3})

    found = differences(opened(lake), DAY, 45)

    assert set(found["table"]) >= {"silver/events"}
    assert found.filter(pl.col("table") == "silver/events")["held_by"].to_list() == ["rebuild"]


def test_an_event_that_silver_has_twice_is_found(lake: Lake, streamed: None) -> None:
    silver = lake.table(SILVER_EVENTS)
    viewed = silver.read(f"event_type = 'view' AND {SILVER_EVENTS.on_days([DAY])}").sort("offset")
    silver.append(viewed.head(1), {"batch": 3})

    found = differences(opened(lake), DAY, 45)

    assert found.select("table", "held_by").rows() == [("silver/events", "table")]


def test_gold_that_is_behind_silver_is_compared_as_far_as_it_is(lake: Lake, stream: Stream, feed: Feed) -> None:
    before = [lake.table(layout) for layout in (*DAILY, SILVER_PURCHASES)]
    for _ in range(2):
        feed.publish()
        run(lake, stream)
        held = [table.version for table in before]
        before = [lake.table(table.layout) for table in before]

    class Behind:
        """Gold and purchases of the first batch, silver of the second."""

        def table(self, layout: TableLayout) -> LakeTable:
            old = {table.layout.name: version for table, version in zip(before, held, strict=True)}
            return lake.table(layout, old.get(layout.name))

    for day in map(date.fromisoformat, DAYS):
        assert differences(Behind(), day, 45).is_empty()


def test_a_day_keeps_its_windows_after_a_change_of_the_setting(lake: Lake, streamed: None) -> None:
    assert differences(opened(lake), DAY, 60).is_empty()


@pytest.mark.parametrize("spread", [None, TasksInTurn()], ids=["here", "in tasks"])
def test_the_check_fails_and_shows_the_rows(
    lake: Lake, stream: Stream, streamed: None, spread: TasksInTurn | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "WORTH_ROWS", 1)
    resources = {"lake": lake, "stream": replace(stream, engine=spread)}
    defs = dg.Definitions(assets=[micro_batch, proof], jobs=[PROOF], resources=resources)
    lake.table(PRODUCT_SALES).replace(rows(lake, PRODUCT_SALES).head(0), None, {"batch": 3})

    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def(PROOF.name).execute_in_process(instance=instance)

    verdicts = {check.asset_check_key: check for check in result.get_asset_check_evaluations()}
    passed = {layout.name: verdicts[proof_check(layout)].passed for layout in PROVED}
    assert passed == {layout.name: layout is not PRODUCT_SALES for layout in PROVED}
    table = verdicts[proof_check(PRODUCT_SALES)].metadata["rows"]
    assert isinstance(table, dg.TableMetadataValue)
    assert {record.data["held_by"] for record in table.records} == {"rebuild"}
    days = lake.table(SILVER_EVENTS).days
    assert spread is None or spread.done == days
    differing = sum(differences(opened(lake), day, 45).height for day in days)
    assert verdicts[proof_check(PRODUCT_SALES)].metadata["differences"].value == differing
