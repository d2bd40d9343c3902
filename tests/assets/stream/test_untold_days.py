"""Dagster is told of each day that changed, whoever changed it: by the run that did it, or else by the next one."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.archive.archive_asset import Archive, archive_months
from assets.events import message_parser
from assets.events.contract import EVENT_TYPES
from assets.gold.gold import rebuild_gold
from assets.progress.rebuild_marks import finishing
from assets.progress.untold_days import has_untold_days, untold_days
from assets.silver.silver import rebuild_silver
from assets.stream.quarantine_replay import replay
from assets.stream.stream_assets import DAYS_OF_STREAM, Stream, micro_batch
from assets.tables import BRONZE_EVENTS, DAILY, SILVER_BATCHES, SILVER_EVENTS, SILVER_PURCHASES, SILVER_QUARANTINE
from assets.tables.asset_specs import key_of
from assets.upkeep.forget_user import forget
from assets.upkeep.repair import repair
from resources.lake import Lake
from sensors.jobs import ARCHIVE
from sensors.kafka_sensor import has_leftovers
from tests.assets.archive.month_lines import HEADER, PURCHASE, put
from tests.assets.stream.dagster_runs import execute, partitions
from tests.conftest import event
from tests.resources.mock_kafka import MockKafka

FIRST, THIRD = "2019-10-01", "2019-10-03"
REBUILT = (SILVER_EVENTS, SILVER_PURCHASES, *DAILY)
BOUGHT = event(event_type="bought", event_time=f"{THIRD} 12:00:00 UTC")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def told(lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str) -> str:
    """A sale of the first, and one of the third that was refused. Dagster knows; gives the day of arrival."""
    mock_kafka.publish(topic, [event(), BOUGHT])
    execute(lake, stream, instance)
    assert not has_leftovers(lake, stream, told=1)
    return stream.clock().date().isoformat()


@pytest.fixture
def new_rule(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    """From here on the contract accepts `bought` as a purchase."""
    monkeypatch.setattr(message_parser, "EVENT_TYPES", {**EVENT_TYPES, "bought": "purchase"})


def of_day(day: str, *layouts: Any) -> dict[str, list[str]]:
    return {layout.name: [day] for layout in layouts}


def row_counts(instance: dg.DagsterInstance, day: str) -> list[object]:
    """What Dagster shows as the rows of a day, by table."""
    found: list[object] = []
    for layout in DAYS_OF_STREAM:
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(key_of(layout), asset_partitions=[day]), limit=1
        ).records
        materialization = records[0].asset_materialization if records else None
        found.append(materialization.metadata["dagster/row_count"].value if materialization else None)
    return found


def test_a_backfill_of_quarantine_tells_of_the_days_that_it_changed(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, told: str, new_rule: None
) -> None:
    found = partitions(
        execute(
            lake,
            stream,
            instance,
            tags={"dagster/partition": told},
            asset_selection=[key_of(SILVER_QUARANTINE)],
        )
    )

    assert found == {
        **of_day(THIRD, *REBUILT),
        BRONZE_EVENTS.name: [THIRD, told],
        SILVER_QUARANTINE.name: [told],
    }
    assert row_counts(instance, THIRD) == [1, 1, 1, None, 1, 1, 1]
    assert partitions(execute(lake, stream, instance)) == {}


def test_the_next_run_tells_of_a_replay_on_the_command_line(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, told: str, new_rule: None
) -> None:
    replay(lake, [date.fromisoformat(told)], 45)
    is_due = has_leftovers(lake, stream, told=1)

    found = partitions(execute(lake, stream, instance))

    assert is_due
    assert found == {
        **of_day(THIRD, *REBUILT),
        BRONZE_EVENTS.name: [THIRD, told],
        SILVER_QUARANTINE.name: [told],
        SILVER_BATCHES.name: [None],
    }
    assert not has_leftovers(lake, stream, told=1)
    assert partitions(execute(lake, stream, instance)) == {}


def test_the_next_run_tells_of_a_forgotten_user_though_the_day_is_empty_then(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, told: str
) -> None:
    forget(lake, 463240011, stream.clock(), 45)

    found = partitions(execute(lake, stream, instance))

    assert found[SILVER_EVENTS.name] == found["gold/product_sales"] == [FIRST, told]
    assert found[SILVER_QUARANTINE.name] == [told]
    assert row_counts(instance, FIRST) == [0, 0, 0, None, 0, 0, 0]


def test_the_next_run_tells_of_what_a_repair_rebuilt(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, told: str
) -> None:
    for path in lake.table(SILVER_EVENTS).file_uris():
        Path(path).write_bytes(b"")
    list(repair(lake, 45, stream.open_reader))

    assert partitions(execute(lake, stream, instance))[SILVER_EVENTS.name] == [FIRST]


def test_a_day_that_only_a_rebuild_of_silver_changed_is_told_once_it_is_in_gold(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, told: str
) -> None:
    """As a run of silver alone, or one that was killed."""
    alone = execute(lake, stream, instance, tags={"dagster/partition": FIRST}, asset_selection=[key_of(SILVER_EVENTS)])

    next_run = partitions(execute(lake, stream, instance))

    assert partitions(alone) == of_day(FIRST, SILVER_EVENTS)
    assert next_run == {**of_day(FIRST, *REBUILT), SILVER_BATCHES.name: [None]}


def test_a_whole_backfill_is_told_once(lake: Lake, stream: Stream, instance: dg.DagsterInstance, told: str) -> None:
    whole = execute(lake, stream, instance, tags={"dagster/partition": FIRST})

    assert partitions(whole) == of_day(FIRST, *DAYS_OF_STREAM)
    assert partitions(execute(lake, stream, instance)) == {}


def test_a_month_is_told_once_and_so_is_a_corrected_one(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, told: str, tmp_path: Path
) -> None:
    archive = Archive(tmp_path, stream.clock, 45)
    defs = dg.Definitions(
        assets=[archive_months, micro_batch],
        jobs=[ARCHIVE],
        resources={"lake": lake, "stream": stream, "archive": archive},
    )
    second = PURCHASE.replace(FIRST, "2019-10-02")
    loads = []
    for lines in ([PURCHASE, second, PURCHASE.replace("2.62", "x")], [PURCHASE]):
        put(tmp_path, lines, header=HEADER)
        job = defs.resolve_job_def(ARCHIVE.name)
        loads.append(partitions(job.execute_in_process(instance=instance, partition_key=FIRST)))

    for load in loads:
        assert load[SILVER_EVENTS.name] == [FIRST, "2019-10-02"]
        assert load[SILVER_QUARANTINE.name] == [FIRST]
    assert partitions(execute(lake, stream, instance)) == {}


def test_a_day_that_changes_again_while_it_is_told_is_told_again(lake: Lake, stream: Stream, told: str) -> None:
    def rebuild() -> None:
        with finishing(lake, [date(2019, 10, 1)], rebuilds=1):
            rebuild_silver(lake, [date(2019, 10, 1)])
            rebuild_gold(lake, DAILY, [date(2019, 10, 1)], 45)

    today = stream.clock().date()
    rebuild()
    untold = untold_days(lake, today)
    rebuild()
    untold.told()

    again = untold_days(lake, today)
    again.told()

    assert untold.rows()[SILVER_EVENTS.name] == again.rows()[SILVER_EVENTS.name] == {date(2019, 10, 1): 1}
    assert not has_untold_days(lake)


def test_while_somebody_is_at_work_on_days_nobody_tells_of_them(lake: Lake, stream: Stream, told: str) -> None:
    with finishing(lake, [date(2019, 10, 1)], rebuilds=1):
        rebuild_silver(lake, [date(2019, 10, 1)])
        assert not has_untold_days(lake)
        assert untold_days(lake, stream.clock().date()).rows() == {}

    assert has_untold_days(lake)


def test_marks_of_many_months_are_taken_back_day_by_day(lake: Lake, stream: Stream, told: str) -> None:
    days = [date(2019, 9, 30), date(2019, 10, 1), date(2026, 2, 28)]
    with finishing(lake, days, rebuilds=1):
        rebuild_silver(lake, days)
    today = max(days) + timedelta(days=1)

    untold_days(lake, today, only=days[:2]).told()

    assert list(untold_days(lake, today).rows()[SILVER_EVENTS.name]) == days[2:]
