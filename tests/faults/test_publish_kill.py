"""A file is published once and completely, whatever is killed or races meanwhile; on the real broker.

`tests/assets/intake/test_csv_publisher.py` has the files where nothing goes wrong.
"""

import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from assets.intake.csv_publisher import Publication, publish_csv
from assets.intake.input_folder import Inbox, InputFolder, publish_file
from assets.tables.topics import files_topic
from resources import kafka_reader, kafka_writer
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader
from resources.kafka_writer import OnceWriter, UndecidedTransactionError
from tests.assets.intake.published_files import a_file, visible, visible_now
from tests.faults.interleaving import kinds, together
from tests.faults.publish_run import VanishingProducer, publish_in_a_process, sent
from tests.faults.standby import Standby

pytestmark = pytest.mark.kafka

ROWS = 2_500


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "input").mkdir()
    return a_file(tmp_path / "input", "2019-Oct.csv", ROWS)


@pytest.fixture
def inbox(path: Path, real_kafka: KafkaConnection, topic: str) -> Inbox:
    return Inbox(InputFolder(path.parent), topic, lambda: real_kafka, lambda: datetime.now(UTC))


def publish(kafka: KafkaConnection, topic: str, path: Path) -> Publication:
    return publish_csv(path, kafka, topic, datetime.now(UTC))


def settled(kafka: KafkaConnection, topic: str) -> list[bytes]:
    """What can be read once every transaction has its markers, which follow a commit within moments."""
    deadline = time.monotonic() + 120
    while sum(KafkaReader(kafka, topic).state().end.values()) < sent(kafka, topic):
        assert time.monotonic() < deadline
    return visible(kafka, topic)


@pytest.mark.parametrize("killed", ["in the middle", "before the commit"])
def test_a_kill_leaves_nothing_visible_and_the_repeat_sends_it_once(
    standby: Standby, real_kafka: KafkaConnection, topic: str, path: Path, killed: str
) -> None:
    assert publish_in_a_process(standby, real_kafka, topic, path, killed) == -signal.SIGKILL
    assert sent(real_kafka, topic) > 0
    assert visible_now(real_kafka, topic) == []

    repeats = [publish(real_kafka, topic, path) for _ in range(2)]

    assert [(done.rows, done.is_new) for done in repeats] == [(ROWS, True), (0, False)]
    assert len(settled(real_kafka, topic)) == ROWS


def test_a_kill_before_the_move_is_made_good_without_a_second_copy(
    standby: Standby, real_kafka: KafkaConnection, topic: str, path: Path, inbox: Inbox
) -> None:
    assert publish_in_a_process(standby, real_kafka, topic, path, "before the move") == -signal.SIGKILL
    assert path.exists()

    done = publish_file(inbox, path)

    assert done is not None
    assert not done.is_new
    assert [file.name for file in inbox.folder.archive.iterdir()] == [path.name]
    assert len(settled(real_kafka, topic)) == ROWS


def test_a_publisher_that_another_one_overtook_publishes_nothing(
    real_kafka: KafkaConnection, topic: str, path: Path
) -> None:
    def be_overtaken(row: int) -> None:
        if row == 1_000:
            publish(real_kafka, topic, path)

    outcome = together(lambda: publish_csv(path, real_kafka, topic, datetime.now(UTC), be_overtaken))

    assert kinds(outcome) == ["KafkaException"]
    assert len(settled(real_kafka, topic)) == ROWS


def test_two_publishers_at_once_make_one_copy(real_kafka: KafkaConnection, topic: str, path: Path) -> None:
    together(*[lambda: publish(real_kafka, topic, path)] * 2)

    assert not publish(real_kafka, topic, path).is_new
    assert len(settled(real_kafka, topic)) == ROWS


def test_while_a_killed_publication_hides_the_ledger_nothing_is_sent(
    standby: Standby, real_kafka: KafkaConnection, topic: str, path: Path, tmp_path: Path
) -> None:
    other = a_file(tmp_path, "2019-Nov.csv", 3)
    assert publish_in_a_process(standby, real_kafka, topic, other, "before the commit") == -signal.SIGKILL
    writer = OnceWriter(real_kafka, topic, files_topic(topic).name, timeout=2)

    with pytest.raises(UndecidedTransactionError, match="nothing was sent"):
        writer.publish(path.name, [(None, b"1")], b"receipt")


def test_a_killed_publication_holds_others_up_no_longer_than_its_time(
    real_kafka: KafkaConnection, topic: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(real_kafka, topic, a_file(tmp_path, "2019-Nov.csv", 3))
    with monkeypatch.context() as only_here:
        only_here.setattr(kafka_writer, "Producer", VanishingProducer)
        killed = OnceWriter(real_kafka, topic, files_topic(topic).name, transaction_seconds=1)
        assert kinds(together(lambda: killed.publish("killed", [(None, b"1")], b"receipt"))) == ["CrashError"]

    assert publish(real_kafka, topic, path).is_new
    assert len(settled(real_kafka, topic)) == 3 + ROWS


def test_without_the_ledger_a_repeat_would_be_a_second_copy(
    real_kafka: KafkaConnection, topic: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OnceWriter, "_is_published", lambda writer, name: False)

    assert [publish(real_kafka, topic, path).is_new for _ in range(2)] == [True, True]
    assert len(settled(real_kafka, topic)) == 2 * ROWS


def test_without_read_committed_half_a_file_would_be_visible(
    standby: Standby, real_kafka: KafkaConnection, topic: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_in_a_process(standby, real_kafka, topic, path, "in the middle")
    publish(real_kafka, topic, path)
    lax = {"isolation.level": "read_uncommitted"}
    monkeypatch.setattr(kafka_reader, "Consumer", lambda options: Consumer({**options, **lax}))

    assert len(settled(real_kafka, topic)) > ROWS
