"""Publishing CSV files, on the real broker: only it has transactions that readers can see or not see."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from assets.events.csv_header import BrokenFileError
from assets.intake.csv_publisher import publish_csv
from assets.intake.input_folder import Inbox, InputFolder, publish_file
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader, TopicMissingError
from tests.assets.intake.published_files import HEADER, a_file, visible

pytestmark = pytest.mark.kafka

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_file_is_published_once(real_kafka: KafkaConnection, topic: str, tmp_path: Path) -> None:
    path = a_file(tmp_path, "2019-Oct.csv", 2_500)

    first = publish_csv(path, real_kafka, topic, NOW)
    second = publish_csv(path, real_kafka, topic, NOW)

    assert (first.rows, first.is_new) == (2_500, True)
    assert (second.rows, second.is_new) == (0, False)
    assert len(visible(real_kafka, topic)) == 2_500


def test_a_changed_file_of_the_same_name_is_another_file(
    real_kafka: KafkaConnection, topic: str, tmp_path: Path
) -> None:
    publish_csv(a_file(tmp_path, "a.csv", 1), real_kafka, topic, NOW)

    assert publish_csv(a_file(tmp_path, "a.csv", 2), real_kafka, topic, NOW).is_new


def test_values_pass_as_the_text_that_they_are(real_kafka: KafkaConnection, topic: str, tmp_path: Path) -> None:
    publish_csv(a_file(tmp_path, "a.csv", 1), real_kafka, topic, NOW)

    assert visible(real_kafka, topic) == [
        b'{"event_time": "2019-10-01 00:00:00 UTC", "event_type": "cart", "product_id": "577", "category_id": "148", '
        b'"category_code": null, "brand": "o\\"pi, x", "price": "2.62", "user_id": "0", "user_session": "s1"}'
    ]


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ("2019-10-01 00:00:00 UTC,cart\n", "line 3002: 2 columns, not 9"),
        ('x,"unclosed\n', "line 3002: not CSV"),
    ],
)
def test_a_broken_line_late_in_the_file_leaves_nothing_visible(
    real_kafka: KafkaConnection, topic: str, tmp_path: Path, last: str, message: str
) -> None:
    path = a_file(tmp_path, "broken.csv", 3_000, last)

    with pytest.raises(BrokenFileError, match=message):
        publish_csv(path, real_kafka, topic, NOW)

    assert visible(real_kafka, topic) == []


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", HEADER.encode() + b"\xff\xfe\n"])
def test_what_is_no_csv_of_events_is_refused(
    real_kafka: KafkaConnection, topic: str, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "wrong.csv"
    path.write_bytes(content)

    with pytest.raises(BrokenFileError, match=r"wrong\.csv, "):
        publish_csv(path, real_kafka, topic, NOW)


def test_the_input_folder_sorts_its_files(real_kafka: KafkaConnection, topic: str, tmp_path: Path) -> None:
    folder = InputFolder(tmp_path / "input")
    folder.path.mkdir()
    good, broken = a_file(folder.path, "good.csv", 3), a_file(folder.path, "broken.csv", 3, "x\n")
    inbox = Inbox(folder, topic, lambda: real_kafka, lambda: NOW)

    assert folder.ready(now=good.stat().st_mtime) == []
    assert folder.ready(now=good.stat().st_mtime + 60) == [broken, good]
    assert publish_file(inbox, broken) is None
    assert publish_file(inbox, good) is not None

    assert sorted(path.name for path in folder.rejected.iterdir()) == ["broken.csv", "broken.csv.reason.txt"]
    assert (folder.rejected / "broken.csv.reason.txt").read_text() == "broken.csv, line 5: 1 columns, not 9\n"
    assert [path.name for path in folder.archive.iterdir()] == ["good.csv"]
    assert len(visible(real_kafka, topic)) == 3


def test_a_file_that_was_published_but_not_moved_is_moved(
    real_kafka: KafkaConnection, topic: str, tmp_path: Path
) -> None:
    folder = InputFolder(tmp_path / "input")
    folder.path.mkdir()
    path = a_file(folder.path, "good.csv", 3)
    publish_csv(path, real_kafka, topic, NOW)

    done = publish_file(Inbox(folder, topic, lambda: real_kafka, lambda: NOW), path)

    assert done is not None
    assert not done.is_new
    assert (folder.archive / "good.csv").exists()
    assert len(visible(real_kafka, topic)) == 3


def test_a_missing_topic_is_named(real_kafka: KafkaConnection) -> None:
    with pytest.raises(TopicMissingError, match=r"topic no\.such does not exist"):
        KafkaReader(real_kafka, "no.such").state()
