from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from prometheus_client import generate_latest

from assets.stream.stream_assets import Stream
from resources.kafka_reader import KafkaReader, KafkaUnavailableError
from resources.lake import Lake
from resources.lake_errors import LakeError
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.dagster_history import RunHistory
from salesinsights_dagster.dashboard.metrics import registry_of
from salesinsights_dagster.dashboard.stream_health import HealthWatch, history_loaded_at
from tests.assets.archive.month_lines import NOW as LOADED_AT
from tests.assets.archive.month_lines import OCTOBER, PURCHASE, load, put
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

EVENTS = [event(), event(), event(user_id=2), b"not json", b"{}", b"not json"]


@pytest.fixture
def watched(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> Lake:
    """The lake of a stream that has read six messages; two more wait."""
    mock_kafka.publish(topic, EVENTS)
    run(lake, stream)
    mock_kafka.publish(topic, [event(user_id=3), event(user_id=4)])
    return lake


@pytest.fixture
def watch(watched: Lake, stream: Stream) -> HealthWatch:
    return HealthWatch(watched, stream.open_reader, lambda: datetime.now(UTC))


def test_what_waits_what_came_and_what_was_refused(watch: HealthWatch) -> None:
    watch.look()

    found = watch.newest
    assert found is not None
    assert found.error is None
    assert (found.lag["committed"].sum(), found.lag["end"].sum(), found.lag["lag"].sum()) == (6, 8, 2)
    counts = ["batch", "messages", "accepted", "quarantined", "duplicates"]
    assert found.batches.select(counts).rows() == [(1, 6, 2, 3, 1)]
    assert found.reasons.select("reason", "messages").rows() == [("not_json", 2), ("missing_field", 1)]
    sizes = {name: rows for name, rows, _, _ in found.sizes.iter_rows()}
    assert (sizes["bronze_events"], sizes["silver_events"], sizes["product_sales"]) == (6, 2, 1)


def test_lines_of_history_count_as_refused_on_the_day_they_were_refused(
    lake: Lake, stream: Stream, tmp_path: Path
) -> None:
    put(tmp_path, [PURCHASE, PURCHASE.replace("purchase", "gift")])
    load(lake, tmp_path)
    soon = HealthWatch(lake, stream.open_reader, lambda: LOADED_AT + timedelta(days=6))
    later = HealthWatch(lake, stream.open_reader, lambda: LOADED_AT + timedelta(days=8))
    soon.look()
    later.look()

    assert soon.newest is not None
    assert later.newest is not None
    assert soon.newest.reasons.select("reason", "messages").rows() == [("unknown_event_type", 1)]
    assert later.newest.reasons.is_empty()
    assert soon.newest.months.select("month", "file", "lines", "accepted").rows() == [(OCTOBER, "2019-Oct.csv", 2, 1)]
    assert history_loaded_at(lake) == LOADED_AT


def test_without_kafka_the_lake_is_still_shown(watched: Lake) -> None:
    def refuse() -> KafkaReader:
        raise KafkaUnavailableError("No Kafka runs")

    watch = HealthWatch(watched, refuse, lambda: datetime.now(UTC))
    watch.look()

    found = watch.newest
    assert found is not None
    assert (found.error, found.lag.height, found.batches.height) == ("No Kafka runs", 0, 1)
    assert (found.kafka_answers, found.loss) == (False, None)


def test_after_lost_offsets_kafka_still_answers_and_the_lag_is_what_can_be_read(
    lake: Lake, watch: HealthWatch, stream: Stream, clock: Callable[[], datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = stream.open_reader().state()
    later = type(state)(state.topic_id, dict.fromkeys(state.end, 100), dict.fromkeys(state.end, 107))
    monkeypatch.setattr(KafkaReader, "state", lambda reader: later)
    monkeypatch.setattr(type(stream.open_reader()), "state", lambda reader: later)
    watch.look()

    found = watch.newest
    assert found is not None
    assert (found.error, found.kafka_answers) == (None, True)
    assert "To give them up and go on: salesinsights accept-loss" in str(found.loss)
    assert found.lag["lag"].to_list() == [7] * found.lag.height
    assert found.lag["lost"].sum() == 100 * found.lag.height - 6
    said = metrics_of(Board(lake, clock, 45), watch)
    assert (said["salesinsights_kafka_readable"], said["salesinsights_offsets_lost"]) == ("1.0", "1.0")


def metrics_of(board: Board, watch: HealthWatch) -> dict[str, str]:
    lines = generate_latest(registry_of(board, watch)).decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if line[0] != "#")


def test_what_was_not_asked_is_not_said(
    lake: Lake, watch: HealthWatch, clock: Callable[[], datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(lake: Lake, layout: object) -> None:
        raise LakeError("the lake can't be read")

    monkeypatch.setattr(Lake, "table", refuse)
    watch.look()

    assert watch.newest is not None
    assert (watch.newest.error, watch.newest.kafka_answers) == ("the lake can't be read", None)
    assert "salesinsights_kafka_readable" not in metrics_of(Board(lake, clock, 45), watch)


def test_metrics_say_the_same(lake: Lake, stream: Stream, watch: HealthWatch, clock: Callable[[], datetime]) -> None:
    checks = pl.DataFrame(
        [("lag", "bronze_events", "failed", clock())], schema=RunHistory().checks.schema, orient="row"
    )
    history = RunHistory(checks, pl.DataFrame({"stage": ["gold"], "seconds": [0.25]}))
    watch = HealthWatch(lake, stream.open_reader, clock, lambda: history)
    board = Board(lake, clock, 45)
    registry = registry_of(board, watch)
    board.look()
    run(lake, stream)
    board.look()
    watch.look()

    said = dict(line.rsplit(" ", 1) for line in generate_latest(registry).decode().splitlines() if line[0] != "#")

    assert float(said["salesinsights_payment_seconds_count"]) == 2
    assert float(said['salesinsights_payment_seconds_bucket{le="600.0"}']) == 2
    assert sum(float(value) for name, value in said.items() if "kafka_lag" in name) == 0
    assert float(said['salesinsights_last_batch_messages{outcome="accepted"}']) == 2
    assert float(said['salesinsights_table_rows{table="silver_events"}']) == 4
    assert float(said['salesinsights_last_run_seconds{stage="gold"}']) == 0.25
    assert float(said['salesinsights_check_passed{check="lag",table="bronze_events"}']) == 0
    assert float(said["salesinsights_offsets_lost"]) == 0
    assert float(said["salesinsights_kafka_readable"]) == float(said["salesinsights_lake_readable"]) == 1
