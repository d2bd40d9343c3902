"""When messages are committed by a pass that stays; and that nothing is lost or counted twice, whoever else commits."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import polars as pl
import pytest

from assets.bronze.bronze import OffsetsLostError
from assets.stream import live_stream
from assets.stream.live_stream import (
    COMMIT_SECONDS,
    DAYS_SECONDS,
    OTHERS_SECONDS,
    REFRESH_SECONDS,
    LiveStream,
    TopicChangedError,
)
from assets.stream.micro_batch import STREAM_TABLES, Receipt, open_stream
from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_EVENTS, CUSTOMER_DAYS, PRODUCT_SALES, PRODUCT_SALES_DAILY, SILVER_EVENTS
from assets.upkeep.audit import audit
from assets.upkeep.forget_user import forget
from resources import kafka_reader
from resources.kafka_reader import Chunk, Following, TopicState
from resources.lake import Lake
from resources.lake_errors import FencedOffError, ProgressMovedError
from tests.conftest import event
from tests.lakes import rows, run, snapshot
from tests.resources.mock_kafka import MockKafka, MockTopicReader

VIEW, PURCHASE = event(event_type="view"), event()


class Elapsed:
    """A clock that goes forward when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class PromptReader(MockTopicReader):
    """By the next read all that was published has come; nothing else is waited for, whatever the machine's load."""

    published = 0

    @contextmanager
    def follow(self, start: Mapping[int, int]) -> Iterator[Following]:
        with super().follow(start) as following:
            read = following.read

            def promptly(rows: int, seconds: float, room: int) -> Chunk:
                chunk = read(rows, 0, room)
                while sum(chunk.reached.values()) < self.published and chunk.messages.height < rows:
                    if chunk.bytes > room // 2:
                        break
                    more = read(rows - chunk.messages.height, 10, room - chunk.bytes)
                    chunk = Chunk(pl.concat([chunk.messages, more.messages]), more.reached)
                return chunk

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(following, "read", promptly)
                yield following


class Live:
    """A pass that stays, on a topic of the test's own."""

    def __init__(self, lake: Lake, kafka: MockKafka, topic: str, stream: Stream, batch_rows: int = 1_000) -> None:
        self.elapsed, self.lake, self._kafka, self._topic = Elapsed(), lake, kafka, topic
        self.reader = PromptReader(kafka.connection, topic)
        self.reader.published = sum(self.reader.state().end.values())
        self.live = LiveStream(
            open_stream(lake), self.reader, stream.clock, batch_rows, 45, self.elapsed, self.elapsed.sleep
        )

    def publish(self, *values: bytes) -> None:
        self._kafka.publish(self._topic, values)
        self.reader.published += len(values)

    @contextmanager
    def at_the_end(self) -> Iterator[None]:
        """After a quiet spell, with a consumer that has found the broker."""
        list(self.live.backlog())
        with self.live.at_the_end():
            self.publish(VIEW)
            while not self.live.step(1):
                self.elapsed.seconds += 0.25
            self.elapsed.seconds += 20
            yield

    def until(self, seconds: float) -> list[Receipt]:
        """The receipts of the next seconds; a step that only waits for messages takes 0.25 s of them."""
        found, until = list[Receipt](), self.elapsed.seconds + seconds
        while self.elapsed.seconds < until:
            before = self.elapsed.seconds
            found += [receipt] if (receipt := self.live.step()) else []
            self.elapsed.seconds += 0.25 * (before == self.elapsed.seconds)
        return found


@pytest.fixture
def live(lake: Lake, mock_kafka: MockKafka, topic: str, stream: Stream) -> Live:
    mock_kafka.publish(topic, [VIEW])
    return Live(lake, mock_kafka, topic, stream)


def sizes(receipts: Sequence[Receipt]) -> list[int]:
    return [receipt.batch.events.height for receipt in receipts]


def test_a_purchase_after_a_quiet_spell_is_in_gold_at_once(live: Live) -> None:
    with live.at_the_end():
        live.publish(VIEW, PURCHASE)
        begun = live.elapsed.seconds
        found = [receipt for receipt in (live.live.step(1) for _ in range(5)) if receipt]

    assert sizes(found) == [2]
    assert live.elapsed.seconds == begun
    assert rows(live.lake, PRODUCT_SALES)["units"].to_list() == [1]


def test_commits_keep_their_distance(live: Live) -> None:
    with live.at_the_end():
        live.publish(PURCHASE)
        while not live.live.step(1):
            pass
        live.publish(event(user_id=2), event(user_id=3))
        too_soon = live.until(COMMIT_SECONDS - 0.5)
        second = live.until(1)

    assert (sizes(too_soon), sizes(second)) == ([], [2])


def test_what_comes_while_a_purchase_waits_is_read_when_that_is_due(live: Live) -> None:
    with live.at_the_end():
        live.publish(PURCHASE)
        while not live.live.step(1):
            pass
        with patch.object(live.live._following, "read", wraps=live.live._following.read) as read:
            live.publish(event(user_id=2))
            assert live.until(1) == []
            live.publish(event(user_id=3))
            assert live.until(COMMIT_SECONDS - 1.5) == []
            reads = read.call_count
            found = live.until(1)

    assert (reads, sizes(found)) == (1, [2])


def test_tables_with_a_row_per_day_follow_a_few_seconds_later(live: Live) -> None:
    def days() -> list[object]:
        live.live._days.following.result(60)  # type: ignore[union-attr]
        return [rows(live.lake, layout)["units"].sum() for layout in (PRODUCT_SALES_DAILY, CUSTOMER_DAYS)]

    with live.at_the_end():
        live.live.catch_up()
        live.elapsed.seconds += DAYS_SECONDS
        live.publish(PURCHASE)
        live.until(1)
        first = days()
        live.publish(event(user_id=2))
        live.until(COMMIT_SECONDS + 0.5)
        assert rows(live.lake, PRODUCT_SALES)["units"].sum() == 2
        second = days()
        live.until(DAYS_SECONDS)
        third = days()

    assert (first, second, third) == ([1, 1], [1, 1], [2, 2])


def test_other_events_wait_for_company(live: Live) -> None:
    with live.at_the_end():
        live.publish(VIEW)
        early = live.until(OTHERS_SECONDS - 1)
        late = live.until(2)

    assert (sizes(early), sizes(late)) == ([], [1])


def test_a_full_batch_does_not_wait(lake: Lake, mock_kafka: MockKafka, topic: str, stream: Stream) -> None:
    mock_kafka.publish(topic, [VIEW])
    live = Live(lake, mock_kafka, topic, stream, batch_rows=10)
    with live.at_the_end():
        live.publish(*[VIEW] * 25)
        found = live.until(1)

    assert sizes(found) == [10, 10]


def test_a_batch_is_full_with_few_large_messages(
    lake: Lake, mock_kafka: MockKafka, topic: str, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = event(event_type="view", note="x" * 1_000)
    monkeypatch.setattr(live_stream, "CHUNK_BYTES", 8 * len(large))
    monkeypatch.setattr(kafka_reader, "_LARGE", len(large))
    mock_kafka.publish(topic, [VIEW])
    live = Live(lake, mock_kafka, topic, stream)
    with live.at_the_end():
        live.publish(*[large] * 40)
        found = live.until(1)

    assert len(found) > 1
    assert min(sizes(found)) >= 4


def test_nothing_is_committed_where_nothing_comes(live: Live) -> None:
    with live.at_the_end():
        version = live.lake.table(BRONZE_EVENTS).version
        assert live.until(3) == []
        assert live.lake.table(BRONZE_EVENTS).version == version
        assert live.live.quiet_seconds >= 3


def test_what_another_process_read_first_is_dropped_and_nothing_counts_twice(live: Live, stream: Stream) -> None:
    with live.at_the_end():
        live.publish(PURCHASE, event(user_id=2))
        run(live.lake, stream)
        with pytest.raises(ProgressMovedError):
            live.until(COMMIT_SECONDS + 1)
    again = Live(live.lake, live._kafka, live._topic, stream)
    with again.at_the_end():
        again.publish(event(user_id=3))
        assert sizes(again.until(1)) == [1]

    assert rows(live.lake, SILVER_EVENTS)["user_id"].sort().to_list() == [2, 3, 463240011, 463240011]
    assert rows(live.lake, PRODUCT_SALES)["units"].sum() == 3


def test_a_pass_that_stays_leaves_what_single_passes_leave(
    live: Live, mock_kafka: MockKafka, topic: str, stream: Stream, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with live.at_the_end():
        for number in range(6):
            live.publish(event(user_id=number), event(user_id=number), b"junk", VIEW)
            live.until(COMMIT_SECONDS)
        live.until(OTHERS_SECONDS + 1)
        live.live.catch_up()
    other = Lake(str(tmp_path_factory.mktemp("other")))
    run(other, stream)

    by_batch = ("batch", "ingested_at", "updated_at")
    for name, held in snapshot(live.lake).items():
        if name != "silver/batches":
            there = snapshot(other)[name]
            names = [column for column in held.columns if column not in by_batch]
            assert held.select(names).sort(names).equals(there.select(names).sort(names)), name


def test_partitions_that_were_added_make_the_pass_begin_again(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    with live.at_the_end():
        state = live.reader.state()
        more = TopicState(state.topic_id, {**state.start, 9: 0}, {**state.end, 9: 0})
        monkeypatch.setattr(live.reader, "state", lambda: more)
        live.publish(PURCHASE)
        with pytest.raises(TopicChangedError):
            live.until(1)

    assert rows(live.lake, BRONZE_EVENTS).height == 2


def test_a_topic_that_was_recreated_is_found_before_its_messages_are_committed(live: Live) -> None:
    with live.at_the_end():
        live.reader.topic_id = "second"
        live.publish(PURCHASE)
        with pytest.raises(OffsetsLostError):
            live.until(1)

    assert rows(live.lake, BRONZE_EVENTS).height == 2


def test_what_others_change_in_the_lake_is_seen(live: Live, stream: Stream) -> None:
    with live.at_the_end():
        live.lake.table(SILVER_EVENTS).annotate({"seen": "1"})
        live.until(REFRESH_SECONDS + 1)
        assert live.live.tables.table(SILVER_EVENTS).properties["seen"] == "1"


def test_a_pass_that_stays_leaves_out_a_user_who_is_forgotten_meanwhile(live: Live) -> None:
    mine, other = event(user_id=463240011, event_type="purchase"), event(user_id=7)
    with live.at_the_end():
        live.publish(mine, other)
        live.until(COMMIT_SECONDS + 0.5)
        forget(live.lake, 463240011, datetime.now(UTC) + timedelta(days=1), 45)
        live.publish(event(price=3), event(user_id=7, price=5))
        # Whether the pass sees the fence or reloads its tables before depends on when the messages come.
        with suppress(FencedOffError):
            live.until(DAYS_SECONDS + COMMIT_SECONDS + 0.5)
    live.live.tables.refresh(STREAM_TABLES)
    list(live.live.backlog())

    assert rows(live.lake, SILVER_EVENTS).select("user_id", "price").cast({"price": pl.Float64}).rows() == [
        (7, 2.62),
        (7, 5.0),
    ]
    assert set(rows(live.lake, CUSTOMER_DAYS)["user_id"]) == {7}
    assert audit(live.lake).findings == []
