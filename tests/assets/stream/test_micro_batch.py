import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.bronze.bronze import OffsetsLostError
from assets.stream.micro_batch import micro_batches, open_stream
from assets.stream.stream_assets import Stream
from assets.tables import (
    BRONZE_EVENTS,
    PRODUCT_SALES,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_QUARANTINE,
)
from assets.upkeep.audit import audit
from resources.kafka_reader import TopicState
from resources.lake import Lake
from tests.conftest import event
from tests.lakes import a_night_passes, rows, run, snapshot
from tests.resources.mock_kafka import MockKafka, MockTopicReader


def test_a_purchase_reaches_every_layer(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [event(price=2.62), event(price=-1.0, event_time="2019-10-01 00:00:44 UTC")])

    run(lake, stream)

    sales = rows(lake, PRODUCT_SALES).select("window_start", "units", "orders", "buyers", "revenue", "refunds")
    start = pl.Series(["2019-10-01 00:00:00"]).str.to_datetime(time_unit="us", time_zone="UTC")
    expected = pl.DataFrame(
        {"window_start": start, "units": [1], "orders": [1], "buyers": [1], "revenue": ["1.62"], "refunds": ["1.00"]}
    ).cast({"revenue": pl.Decimal(18, 2), "refunds": pl.Decimal(18, 2)})
    assert_frame_equal(sales, expected)
    assert rows(lake, SILVER_EVENTS).height == rows(lake, BRONZE_EVENTS).height == 2


def test_a_second_pass_changes_nothing(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [event(), event(), b"not json"])
    run(lake, stream)
    before = snapshot(lake)

    assert run(lake, stream) == []

    for name, frame in snapshot(lake).items():
        assert_frame_equal(frame, before[name])


def test_every_message_is_accounted_for(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [event(), event(), event(price=3), b"{", None], partition=0)
    mock_kafka.publish(topic, [event(user_id=2)], partition=2)

    run(lake, stream)

    ledger = rows(lake, SILVER_BATCHES).select(
        "partition", "start_offset", "end_offset", "messages", "markers", "accepted", "quarantined", "duplicates"
    )
    assert ledger.rows() == [
        (0, 0, 5, 5, 0, 2, 2, 1),
        (1, 0, 0, 0, 0, 0, 0, 0),
        (2, 0, 1, 1, 0, 1, 0, 0),
        (3, 0, 0, 0, 0, 0, 0, 0),
    ]


def test_quarantine_keeps_the_bytes_and_the_reason(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [b"\xff\x00", event(price=True), event()])

    run(lake, stream)

    refused = rows(lake, SILVER_QUARANTINE).sort("offset").select("value", "reason", "detail")
    assert refused.rows() == [
        (b"\xff\x00", "invalid_utf8", "byte 0"),
        (event(price=True), "bad_price", "price: true"),
    ]


def test_a_late_event_changes_its_own_day_only(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [event(event_time="2019-10-02 10:00:00 UTC")])
    run(lake, stream)
    kept = rows(lake, PRODUCT_SALES)

    mock_kafka.publish(topic, [event(event_time="2019-10-01 23:59:59 UTC", price=5)])
    (receipt,) = run(lake, stream)

    assert [str(day) for day in receipt.outcome.accepted["event_date"].unique()] == ["2019-10-01"]
    assert_frame_equal(rows(lake, PRODUCT_SALES).tail(1), kept)
    assert str(rows(lake, PRODUCT_SALES)["revenue"].sum()) == "7.62"


def test_a_copy_in_a_later_batch_is_a_duplicate(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [event(user_session=None)])
    run(lake, stream)
    mock_kafka.publish(topic, [event(user_session=None), event(user_session="other")], partition=1)

    (receipt,) = run(lake, stream)

    assert receipt.outcome.counts == {"messages": 2, "accepted": 1, "quarantined": 0, "duplicates": 1}


def test_an_event_id_names_the_event(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [event(event_id="a"), event(event_id="a"), event(event_id="b")])
    run(lake, stream)
    mock_kafka.publish(topic, [event(event_id="a"), event(event_id="a", price=9, event_time="2019-10-01 20:00:00 UTC")])

    (receipt,) = run(lake, stream)

    assert receipt.outcome.counts == {"messages": 2, "accepted": 0, "quarantined": 1, "duplicates": 1}
    assert rows(lake, SILVER_QUARANTINE)["reason"].to_list() == ["conflicting_duplicate"]


def test_an_event_id_may_return_on_another_day(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [event(event_id="a"), event(event_id="a", event_time="2019-10-02 00:00:00 UTC")])

    (receipt,) = run(lake, stream)

    assert receipt.outcome.counts["accepted"] == 2


def test_a_range_is_read_in_bounded_batches(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [event(product_id=number) for number in range(2_500)])

    receipts = run(lake, stream)

    assert [receipt.batch.events.height for receipt in receipts] == [1_000, 1_000, 500]
    assert rows(lake, SILVER_EVENTS).height == 2_500


def test_money_stays_exact(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [event(price="0.10", product_id=7, user_id=number) for number in range(1_000)])

    run(lake, stream)

    assert [str(revenue) for revenue in rows(lake, PRODUCT_SALES)["revenue"]] == ["100.00"]


def test_latency_is_measured_from_the_kafka_append(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [event(), event(event_type="view")])

    (receipt,) = run(lake, stream)

    assert receipt.latency.len() == 1
    assert 0 < receipt.latency[0] < 60


def test_a_recreated_topic_stops_the_stream(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [event()])
    run(lake, stream)
    reader = MockTopicReader(mock_kafka.connection, topic)
    reader.topic_id = "second"

    with pytest.raises(OffsetsLostError, match=r"deleted and recreated\. The lake had read partition 0 to offset 1,"):
        list(micro_batches(open_stream(lake), reader, stream.clock, stream.batch_rows, stream.window_seconds))


@pytest.mark.parametrize(
    ("start", "end", "lost"),
    [(7, 9, r"partition 0 \[1, 7\)"), (0, 0, "partition 0 ends at 0, before 1 where the last batch ended")],
)
def test_lost_offsets_stop_the_stream_and_are_named(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, start: int, end: int, lost: str
) -> None:
    mock_kafka.publish(topic, [event()])
    run(lake, stream)

    class ShortenedTopic(MockTopicReader):
        def state(self) -> TopicState:
            state = super().state()
            return TopicState(state.topic_id, {**state.start, 0: start}, {**state.end, 0: end})

    with pytest.raises(OffsetsLostError, match=lost):
        list(
            micro_batches(
                open_stream(lake),
                ShortenedTopic(mock_kafka.connection, topic),
                stream.clock,
                stream.batch_rows,
                stream.window_seconds,
            )
        )


def test_a_pass_goes_on_whose_quarantine_was_tended_after_a_quiet_night(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    lake.table(SILVER_QUARANTINE).checkpoint()
    lake.table(SILVER_QUARANTINE).annotate({"salesinsights.note": "1"})
    mock_kafka.publish(topic, [event(user_id=1)])
    run(lake, stream)
    a_night_passes(lake)
    held = open_stream(lake)
    lake.table(SILVER_QUARANTINE).checkpoint()
    mock_kafka.publish(topic, [event(user_id=2), b"not json"])

    list(micro_batches(held, stream.open_reader(), stream.clock, stream.batch_rows, stream.window_seconds))

    assert sorted(rows(lake, SILVER_EVENTS)["user_id"]) == [1, 2]
    assert rows(lake, SILVER_QUARANTINE)["reason"].to_list() == ["not_json"]
    assert audit(lake).findings == []
