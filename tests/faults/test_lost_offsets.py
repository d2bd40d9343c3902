"""Messages that the broker deletes while a run is about to read them; on the real broker.

`tests/assets/bronze/test_real_topic.py` has those that were gone before.
"""

from collections.abc import Callable
from datetime import datetime

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from assets.bronze.bronze import OffsetsLostError
from assets.stream import micro_batch
from assets.stream.lost_offsets import give_up, losses
from assets.stream.micro_batch import open_stream
from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_EVENTS, SILVER_BATCHES, SILVER_EVENTS
from assets.tables.topics import events_topic
from assets.upkeep.audit import audit
from resources import kafka_reader
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader
from resources.kafka_topics import ensure_topic
from resources.lake import Lake
from tests.conftest import event
from tests.faults.interleaving import crash_before, kinds, once_after, together
from tests.lakes import rows, run

pytestmark = pytest.mark.kafka


@pytest.fixture
def stream(real_kafka: KafkaConnection, topic: str, clock: Callable[[], datetime]) -> Stream:
    ensure_topic(real_kafka, events_topic(topic))
    return Stream(lambda: KafkaReader(real_kafka, topic), clock, batch_rows=1_000, window_seconds=45)


@pytest.fixture
def lost_on_the_way(
    lake: Lake, stream: Stream, real_kafka: KafkaConnection, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three messages were read; of the next seven the first four vanish once a run has fixed its start offsets."""

    def publish(users: range) -> None:
        producer = Producer(real_kafka.options())
        for user in users:
            producer.produce(topic, event(user_id=user), b"1", 0)
        assert producer.flush(20) == 0

    def delete() -> None:
        # The client is bound to a name, because a collected one loses its pending answers.
        admin, place = AdminClient(real_kafka.options()), TopicPartition(topic, 0, 7)
        admin.delete_records([place])[place].result(20)

    publish(range(3))
    run(lake, stream)
    publish(range(3, 10))
    once_after(monkeypatch, micro_batch, "next_offsets", delete)


@pytest.mark.usefixtures("lost_on_the_way")
def test_messages_deleted_on_the_way_stop_the_run_and_the_next_one_names_them(lake: Lake, stream: Stream) -> None:
    assert kinds(together(lambda: run(lake, stream))) == ["KafkaException"]
    assert lake.table(BRONZE_EVENTS).progress("batch") == 1

    with pytest.raises(OffsetsLostError, match=r"partition 0 \[3, 7\)"):
        run(lake, stream)


@pytest.mark.usefixtures("lost_on_the_way")
def test_a_reader_that_may_start_elsewhere_would_pass_over_them(
    lake: Lake, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    lax = {"auto.offset.reset": "earliest"}
    monkeypatch.setattr(kafka_reader, "Consumer", lambda options: Consumer({**options, **lax}))

    (receipt,) = run(lake, stream)

    assert receipt.outcome.counts["messages"] == 3


@pytest.mark.usefixtures("lost_on_the_way")
@pytest.mark.parametrize("is_killed", [False, True], ids=["", "killed after bronze"])
def test_a_loss_that_is_given_up_is_in_the_ledger_and_the_stream_goes_on(
    lake: Lake, stream: Stream, monkeypatch: pytest.MonkeyPatch, is_killed: bool
) -> None:
    together(lambda: run(lake, stream))
    lost = losses(lake, stream.open_reader())

    def accept() -> None:
        give_up(open_stream(lake), stream.open_reader(), lost, stream.clock, stream.window_seconds)

    if is_killed:
        crash_before(monkeypatch, micro_batch.Layers, "refine", accept)
    else:
        accept()
    run(lake, stream)

    assert lost == {0: (3, 7)}
    assert losses(lake, stream.open_reader()) == {}
    assert rows(lake, SILVER_EVENTS)["user_id"].sort().to_list() == [0, 1, 2, 7, 8, 9]
    ledger = rows(lake, SILVER_BATCHES).filter(partition=0).sort("batch")
    assert ledger.select("start_offset", "end_offset", "messages", "lost").rows() == [
        (0, 3, 3, 0),
        (3, 7, 0, 4),
        (7, 10, 3, 0),
    ]
    found = audit(lake)
    assert (found.passed, found.totals["lost"]) == (True, 4)


@pytest.mark.usefixtures("lost_on_the_way")
def test_the_error_names_the_way_on(lake: Lake, stream: Stream) -> None:
    together(lambda: run(lake, stream))

    with pytest.raises(OffsetsLostError, match="To give them up and go on: salesinsights accept-loss"):
        run(lake, stream)


def test_nothing_lost_is_nothing_to_give_up(lake: Lake, stream: Stream) -> None:
    assert losses(lake, stream.open_reader()) == {}
