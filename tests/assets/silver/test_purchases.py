import itertools
import shutil
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.gold.gold import rebuild_gold
from assets.progress.batches import BATCH
from assets.silver import purchases
from assets.silver.purchases import purchases_in, rebuild_purchases
from assets.stream import micro_batch
from assets.stream.stream_assets import Stream
from assets.tables import DAILY, PRODUCT_SALES, SILVER_EVENTS, SILVER_PURCHASES
from resources.kafka_reader import KafkaUnavailableError
from resources.lake import Lake
from tests.conftest import event
from tests.faults.interleaving import crash_before
from tests.lakes import rows, run, snapshot
from tests.resources.mock_kafka import MockKafka

TWO_DAYS = [
    event(user_id=1),
    event(user_id=2, event_type="view"),
    event(user_id=3, event_time="2019-10-02 10:00:00 UTC"),
]


def assert_they_are_silvers(lake: Lake) -> None:
    due = purchases_in(lake.table(SILVER_EVENTS).read())
    assert_frame_equal(rows(lake, SILVER_PURCHASES), due.sort(due.columns))
    assert lake.table(SILVER_PURCHASES).progress(BATCH) == lake.table(SILVER_EVENTS).progress(BATCH)


@pytest.fixture
def streamed(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, TWO_DAYS)
    run(lake, stream)


@pytest.mark.usefixtures("streamed")
def test_a_batch_leaves_its_purchases_there(lake: Lake) -> None:
    assert rows(lake, SILVER_PURCHASES)["user_id"].to_list() == [1, 3]
    assert_they_are_silvers(lake)


@pytest.mark.usefixtures("streamed")
def test_a_lake_from_before_the_table_is_filled_by_the_next_run(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    before = snapshot(lake)
    shutil.rmtree(lake.uri(SILVER_PURCHASES))
    fresh = Lake(lake.root)

    run(fresh, stream)
    assert_they_are_silvers(fresh)
    assert all(snapshot(fresh)[name].equals(frame) for name, frame in before.items())

    mock_kafka.publish(topic, [event(user_id=9)])
    run(fresh, stream)
    assert_they_are_silvers(fresh)
    assert rows(fresh, PRODUCT_SALES)["units"].sum() == 3


def test_a_run_that_was_killed_before_it_is_made_up_for(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock_kafka.publish(topic, TWO_DAYS)
    crash_before(monkeypatch, purchases, "_advance", lambda: run(lake, stream))
    assert rows(lake, SILVER_PURCHASES).is_empty()

    run(lake, stream)

    assert_they_are_silvers(lake)
    assert rows(lake, PRODUCT_SALES)["units"].sum() == 2


@pytest.mark.usefixtures("streamed")
def test_a_rebuilt_day_has_silvers_purchases_again_and_the_others_stay(lake: Lake) -> None:
    table, kept = lake.table(SILVER_PURCHASES), rows(lake, SILVER_PURCHASES)
    wrong = kept.with_columns(price=pl.lit("77.00").cast(kept["price"].dtype))
    table.replace(wrong, None, {BATCH: 1})

    rebuild_purchases(lake, [date(2019, 10, 1)])

    second = pl.col("event_date") == date(2019, 10, 2)
    assert_frame_equal(rows(lake, SILVER_PURCHASES), pl.concat([kept.filter(~second), wrong.filter(second)]))
    rebuild_purchases(lake, [date(2019, 10, 2)])
    rebuild_gold(lake, DAILY, [date(2019, 10, 1), date(2019, 10, 2)], 45)
    assert_they_are_silvers(lake)


def test_a_backlog_refines_gold_once(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(micro_batch, "GOLD_WAITS", datetime.max - datetime.min)
    small = Stream(stream.open_reader, stream.clock, batch_rows=1, window_seconds=45)
    mock_kafka.publish(topic, TWO_DAYS)
    version = lake.table(PRODUCT_SALES).version

    receipts = run(lake, small)

    assert [receipt.latency.len() for receipt in receipts] == [0, 0, 2]
    assert lake.table(PRODUCT_SALES).version == version + 1
    assert rows(lake, PRODUCT_SALES)["units"].sum() == 2


def test_gold_does_not_wait_longer_than_it_may(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    start, looks = datetime(2026, 1, 1, tzinfo=UTC), itertools.count()
    slow = Stream(stream.open_reader, lambda: start + next(looks) * timedelta(seconds=10), 1, window_seconds=45)
    mock_kafka.publish(topic, TWO_DAYS)

    receipts = run(lake, slow)

    assert [receipt.latency.len() for receipt in receipts] == [1, 0, 1]


def test_where_kafka_fails_in_a_backlog_gold_has_what_was_read(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock_kafka.publish(topic, TWO_DAYS)
    reader = stream.open_reader()
    read = reader.read

    def failing(*arguments: object) -> object:
        yield next(iter(read(*arguments)))  # type: ignore[arg-type]
        raise KafkaUnavailableError("gone")

    monkeypatch.setattr(reader, "read", failing)
    monkeypatch.setattr(micro_batch, "GOLD_WAITS", datetime.max - datetime.min)

    with pytest.raises(KafkaUnavailableError):
        list(micro_batch.micro_batches(micro_batch.open_stream(lake), reader, stream.clock, 1, stream.window_seconds))

    assert rows(lake, SILVER_EVENTS).height == 1
    assert rows(lake, PRODUCT_SALES)["units"].sum() == 1
