from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.archive.archive_asset import archive_months
from assets.stream import checks
from assets.stream.stream_assets import CHECKS, DAYS_OF_STREAM, Stream, micro_batch, told_batch
from assets.tables import BRONZE_ARCHIVE_MONTHS, PRODUCT_SALES, SILVER_BATCHES, SILVER_EVENTS, SILVER_QUARANTINE
from assets.tables.asset_specs import DAYS, MONTHS, key_of
from resources.lake import Lake
from resources.lake_errors import ProgressMovedError
from tests.assets.silver.tasks_in_turn import TasksInTurn
from tests.assets.stream.dagster_runs import Recorder, execute, partitions
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

TWO_DAYS = [event(), event(event_time="2019-10-03 12:00:00 UTC"), b"junk"]


def verdicts(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def a_range(start: str, end: str) -> dict[str, str]:
    return {"dagster/asset_partition_range_start": start, "dagster/asset_partition_range_end": end}


@pytest.fixture
def instance() -> Any:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def test_exactly_the_touched_days_are_materialized(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, TWO_DAYS)
    midnight_is_near = datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)

    found = partitions(execute(lake, replace(stream, clock=lambda: midnight_is_near), instance))

    today = midnight_is_near.date().isoformat()
    assert found["bronze/events"] == ["2019-10-01", "2019-10-03", today]
    assert found["silver/quarantine"] == [today]
    assert found["gold/product_sales"] == found["silver/events"] == ["2019-10-01", "2019-10-03"]
    assert found["silver/batches"] == [None]


def test_the_stream_goes_on_once_a_month_of_the_archive_was_loaded(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str
) -> None:
    """Dagster asks the inputs of a step for their versions, and can't ask one with partitions in a run without them."""
    month = dg.AssetMaterialization(key_of(BRONZE_ARCHIVE_MONTHS), partition="2019-10-01")
    instance.report_runless_asset_event(month)
    mock_kafka.publish(topic, TWO_DAYS)

    assert partitions(execute(lake, stream, instance))["gold/product_sales"] == ["2019-10-01", "2019-10-03"]


def test_every_day_has_its_month_also_tomorrow_on_the_last_of_a_month() -> None:
    """Otherwise a backfill of days up to tomorrow is refused, since its upstream is missing."""
    for now in (datetime(2026, 11, 30, 12, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, tzinfo=UTC)):
        tomorrow = DAYS.get_partition_keys(now)[-1]
        assert tomorrow == (now + timedelta(days=1)).date().isoformat()
        assert f"{tomorrow[:7]}-01" in MONTHS.get_partition_keys(now)


def test_every_check_runs_and_passes(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, TWO_DAYS)

    found = verdicts(execute(lake, stream, instance))

    assert found == dict.fromkeys(CHECKS, True)


def test_metadata_shows_counts_offsets_seconds_latency_and_a_picture(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, TWO_DAYS)
    execute(lake, stream, instance)

    newest = instance.get_latest_materialization_event(dg.AssetKey(["gold", "product_sales"]))

    assert newest is not None
    assert newest.asset_materialization is not None
    metadata = newest.asset_materialization.metadata
    expected = {"messages": 3, "accepted": 2, "quarantined": 1, "duplicates": 0, "dagster/row_count": 1}
    assert {name: metadata[name].value for name in expected} == expected
    assert metadata["offsets/0"].value == "[0, 3)"
    assert str(metadata["top_products"].value).startswith("![top products](data:image/png;base64,iVBOR")
    assert {"seconds/bronze", "payment_to_gold/p99"} <= metadata.keys()


def test_a_pass_without_news_materializes_nothing(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, TWO_DAYS)
    execute(lake, stream, instance)

    assert partitions(execute(lake, stream, instance)) == {}


def test_days_that_nobody_told_of_are_materialized_by_the_next_pass(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [event()])
    execute(lake, stream, instance)
    mock_kafka.publish(topic, [event(event_time="2019-10-03 12:00:00 UTC")])
    run(lake, stream)

    found = partitions(execute(lake, stream, instance))

    assert found == {
        **{layout.name: ["2019-10-03"] for layout in DAYS_OF_STREAM if layout is not SILVER_QUARANTINE},
        SILVER_BATCHES.name: [None],
    }


def test_a_lake_that_was_restarted_is_told_of_from_its_beginning(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str, tmp_path: Path
) -> None:
    for number in range(2):
        mock_kafka.publish(topic, [event(user_id=number)])
        execute(lake, stream, instance)
    fresh = Lake(str(tmp_path / "fresh"))
    run(fresh, stream)

    found = partitions(execute(fresh, stream, instance))

    assert found["gold/product_sales"] == ["2019-10-01"]


def test_a_run_that_lost_the_race_does_nothing(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str, monkeypatch: Any
) -> None:
    def beaten(*_: object) -> None:
        raise ProgressMovedError("another run has committed batch 1")

    mock_kafka.publish(topic, TWO_DAYS)
    monkeypatch.setattr("assets.stream.micro_batch.commit_batch", beaten)

    result = execute(lake, stream, instance)

    assert result.success
    assert partitions(result) == {}


@pytest.mark.parametrize("engine", [None, TasksInTurn()], ids=["here", "in tasks"])
def test_a_backfill_of_days_is_one_run_that_materializes_them_all(
    lake: Lake,
    stream: Stream,
    instance: dg.DagsterInstance,
    mock_kafka: MockKafka,
    topic: str,
    engine: TasksInTurn | None,
) -> None:
    mock_kafka.publish(topic, TWO_DAYS)
    execute(lake, stream, instance)
    before = rows(lake, SILVER_EVENTS), rows(lake, PRODUCT_SALES)

    spread = replace(stream, engine=engine)
    result = execute(lake, spread, instance, tags=a_range("2019-10-01", "2019-10-03"))

    assert engine is None or engine.done == [date(2019, 10, 1), date(2019, 10, 3)]

    days = ["2019-10-01", "2019-10-02", "2019-10-03"]
    assert partitions(result) == {layout.name: days for layout in DAYS_OF_STREAM}
    assert verdicts(result) == dict.fromkeys(CHECKS, True)
    assert before[0].equals(rows(lake, SILVER_EVENTS))
    assert before[1].equals(rows(lake, PRODUCT_SALES))


def test_what_is_made_of_a_rebuilt_day_is_made_in_the_same_run(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str
) -> None:
    """As the UI launches a group. Dagster skips what depends on a table that has only logged an event."""

    @dg.asset(deps=[key_of(PRODUCT_SALES)])
    def report() -> None: ...

    mock_kafka.publish(topic, TWO_DAYS)
    run(lake, stream)
    defs = dg.Definitions(
        assets=[*archive_months.specs, micro_batch, report], resources={"lake": lake, "stream": stream}
    )
    selected = [key_of(PRODUCT_SALES), report.key]

    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, asset_selection=selected, tags=a_range("2019-10-01", "2019-10-02")
    )

    assert partitions(result) == {PRODUCT_SALES.name: ["2019-10-01", "2019-10-02"], "report": [None]}


def test_a_backfill_repairs_a_day_of_gold(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, TWO_DAYS)
    execute(lake, stream, instance)
    right = rows(lake, PRODUCT_SALES)
    lake.table(PRODUCT_SALES).replace(right.clear(), "true", {})

    execute(lake, stream, instance, tags=a_range("2019-10-01", "2019-10-03"))

    assert right.equals(rows(lake, PRODUCT_SALES))


def test_asset_keys_groups_and_lineage_stay_what_others_rely_on() -> None:
    specs = {spec.key.to_user_string(): spec for spec in micro_batch.specs}

    lineage = {key: sorted(dep.asset_key.to_user_string() for dep in spec.deps) for key, spec in specs.items()}
    assert lineage == {
        "bronze/events": ["bronze/archive_months", "kafka/shop_events"],
        "silver/events": ["bronze/events"],
        "silver/purchases": ["silver/events"],
        "silver/quarantine": ["bronze/events"],
        "silver/batches": ["bronze/events"],
        "gold/product_sales": ["silver/purchases"],
        "gold/product_sales_daily": ["silver/purchases"],
        "gold/customer_days": ["silver/purchases"],
    }
    assert Counter(spec.group_name for spec in specs.values()) == {"bronze": 1, "silver": 4, "gold": 3}
    assert all(spec.owners and spec.description and spec.freshness_policy for spec in specs.values())
    assert all(spec.partitions_def for key, spec in specs.items() if key != SILVER_BATCHES.name)


def test_a_copy_that_fails_holds_up_neither_gold_nor_the_other_copies(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, TWO_DAYS)
    away, other = Recorder("away", fails=True), Recorder("other")
    followed = replace(stream, replicas=(away, other))

    result = execute(lake, followed, instance, raise_on_error=False)

    told = partitions(result)
    assert told["gold/product_sales"] == ["2019-10-01", "2019-10-03"]
    assert ("serving/other" in told, "serving/away" in told) == (True, False)
    assert (result.success, away.behind, other.behind) == (False, True, False)
    assert "away is away" in str(result.failure_data_for_node("micro_batch"))


def test_a_copy_that_is_behind_is_followed_though_kafka_has_nothing_new(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, TWO_DAYS)
    execute(lake, stream, instance)
    late = Recorder("late")

    assert "serving/late" in partitions(execute(lake, replace(stream, replicas=(late,)), instance))
    assert partitions(execute(lake, replace(stream, replicas=(late,)), instance)) == {}


def test_a_copy_that_is_up_to_date_is_renewed(lake: Lake, stream: Stream, instance: dg.DagsterInstance) -> None:
    copy = Recorder("copy")
    execute(lake, replace(stream, replicas=(copy,)), instance)
    updated = len(copy.renewed)
    execute(lake, replace(stream, replicas=(copy,)), instance)

    assert (updated, len(copy.renewed)) == (0, 1)


def test_the_ledger_that_is_asked_for_by_hand_is_told_though_it_has_no_news(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, TWO_DAYS)
    execute(lake, stream, instance)
    defs = dg.Definitions(assets=[*archive_months.specs, micro_batch], resources={"lake": lake, "stream": stream})
    by_hand = defs.resolve_implicit_global_asset_job_def()

    result = by_hand.execute_in_process(instance=instance, asset_selection=[key_of(SILVER_BATCHES)])

    assert partitions(result) == {SILVER_BATCHES.name: [None]}
    assert told_batch(instance) == 1


@pytest.mark.parametrize(
    ("age", "passes"), [(59, True), (61, False), (14 * 3_600, False), (24 * 3_600 - 1, False), (24 * 3_600 + 1, True)]
)
def test_events_of_today_may_not_be_late_and_history_may(age: int, passes: bool) -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)

    found = checks.event_time_lag(now - timedelta(seconds=age), now)

    assert (found.passed, found.figures["seconds"]) == (passes, age)


def test_a_check_without_figures_keeps_its_last_result_and_names_its_run(
    lake: Lake, stream: Stream, instance: dg.DagsterInstance, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, TWO_DAYS)
    first = execute(lake, stream, instance)

    again = execute(lake, stream, instance, tags=a_range("2019-10-01", "2019-10-03"))

    (lag,) = (check for check in again.get_asset_check_evaluations() if check.check_name == "event_time_lag")
    assert (lag.passed, lag.severity) == (True, dg.AssetCheckSeverity.WARN)
    assert lag.metadata["of_run"].value == first.run_id
    assert "seconds" in lag.metadata
