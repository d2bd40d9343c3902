"""The watched folder: what is taken, what is left and why, and that no file holds up another."""

import gzip
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from assets.intake.csv_publisher import FileChangedError, messages_of
from assets.intake.input_folder import Inbox, InputFolder, publish_file, publish_input_files
from resources.kafka_connection import KafkaConnection
from resources.open_files import has_writer
from tests.assets.intake.published_files import HEADER, ROW, a_file, visible
from tests.faults.interleaving import crash_before

LATER = 60.0
"""Seconds after which a file has been quiet for long enough."""


@pytest.fixture
def folder(tmp_path: Path) -> InputFolder:
    (tmp_path / "input").mkdir()
    return InputFolder(tmp_path / "input")


@pytest.fixture
def inbox(folder: InputFolder, topic: str, real_kafka: KafkaConnection) -> Inbox:
    return Inbox(folder, topic, lambda: real_kafka, lambda: datetime(2026, 1, 1, tzinfo=UTC))


def publish_all(inbox: Inbox, patch: pytest.MonkeyPatch) -> dg.ExecuteInProcessResult:
    now = time.time() + LATER
    patch.setattr("assets.intake.input_folder.time.time", lambda: now)

    @dg.job(resource_defs={"inbox": dg.ResourceDefinition.hardcoded_resource(inbox)})
    def publish() -> None:
        publish_input_files()

    return publish.execute_in_process(raise_on_error=False)


def test_what_is_not_taken_is_named(folder: InputFolder) -> None:
    (folder.path / "old").mkdir()
    for name in ("good.csv", "good.csv.gz", "LOUD.CSV", "notes.txt", ".writing.csv"):
        (folder.path / name).touch()
    ahead = folder.path / "ahead.csv"
    ahead.touch()
    os.utime(ahead, (time.time() + 9_999, time.time() + 9_999))
    now = time.time() + LATER

    assert [path.name for path in folder.ready(now)] == ["good.csv", "good.csv.gz"]
    assert folder.waiting(now) == {
        "LOUD.CSV": "its name does not end in .csv or .csv.gz",
        "ahead.csv": "its time is in the future: touch it",
        "notes.txt": "its name does not end in .csv or .csv.gz",
        "old": "a folder",
    }


def test_a_file_that_a_process_is_writing_is_not_complete(folder: InputFolder) -> None:
    path = folder.path / "slow.csv"
    with path.open("w") as writer:
        writer.write(HEADER)
        writer.flush()
        assert (has_writer(path), folder.ready(time.time() + LATER)) == (True, [])
        assert folder.waiting(time.time() + LATER) == {"slow.csv": "a process has it open for writing"}
    with path.open() as _:
        assert folder.ready(time.time() + LATER) == [path]


def test_a_process_that_is_gone_or_foreign_has_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "1" / "fd").mkdir(parents=True)
    (tmp_path / "1" / "fd" / "3").symlink_to(tmp_path / "gone")
    path = tmp_path / "a.csv"
    path.touch()

    assert not has_writer(path, processes=tmp_path)


@pytest.mark.kafka
def test_a_file_that_grows_while_it_is_read_is_not_published(
    inbox: Inbox, folder: InputFolder, topic: str, real_kafka: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_file(folder.path, "grows.csv", 3)

    def growing(path: Path) -> object:
        yield from messages_of(path)
        with path.open("a") as more:
            more.write(ROW.format(user=99))

    monkeypatch.setattr("assets.intake.csv_publisher.messages_of", growing)
    with pytest.raises(FileChangedError, match=r"grows\.csv changed"):
        publish_file(inbox, path)
    monkeypatch.undo()
    assert visible(real_kafka, topic) == []

    assert publish_file(inbox, path) is not None
    assert len(visible(real_kafka, topic)) == 4
    assert (folder.archive / "grows.csv").read_text().count("\n") == 5


@pytest.mark.kafka
@pytest.mark.parametrize("name", [b"2019-\xee\xea\xf2.csv", "октябрь.csv".encode(), b"a b.csv"])
def test_a_name_in_any_encoding_is_published(
    inbox: Inbox,
    folder: InputFolder,
    topic: str,
    real_kafka: KafkaConnection,
    monkeypatch: pytest.MonkeyPatch,
    name: bytes,
) -> None:
    a_file(folder.path, os.fsdecode(name), 2)

    assert publish_all(inbox, monkeypatch).success
    assert len(visible(real_kafka, topic)) == 2
    assert [os.fsencode(path.name) for path in folder.archive.iterdir()] == [name]


@pytest.mark.kafka
def test_a_file_that_cannot_be_put_away_holds_up_no_other_and_is_told_once(
    inbox: Inbox, folder: InputFolder, topic: str, real_kafka: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = a_file(folder.path, "1-stuck.csv", 1)
    a_file(folder.path, "2-good.csv", 1)
    put_away: Callable[..., Path] = InputFolder.put_away

    def refuse(self: InputFolder, path: Path, *arguments: object) -> Path:
        if path == stuck:
            raise PermissionError(13, "Permission denied", str(path))
        return put_away(self, path, *arguments)

    monkeypatch.setattr(InputFolder, "put_away", refuse)

    first = publish_all(inbox, monkeypatch)
    second = publish_all(inbox, monkeypatch)

    assert (first.success, second.success) == (False, True)
    assert (folder.archive / "2-good.csv").exists()
    assert "Permission denied" in folder.waiting(time.time() + LATER)["1-stuck.csv"]
    os.utime(stuck, (1, 1))
    assert folder.ready(time.time()) == [stuck]


@pytest.mark.kafka
def test_a_kill_while_a_file_is_left_forgets_no_other(folder: InputFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (folder.path / name for name in ("first.csv", "second.csv"))
    for path in (first, second):
        path.touch()
    folder.leave(first, "why")

    crash_before(monkeypatch, os, "replace", lambda: folder.leave(second, "why too"))

    assert folder.waiting(time.time() + LATER) == {"first.csv": "why"}


def test_half_of_the_list_of_left_files_stops_nobody(folder: InputFolder) -> None:
    (folder.path / "first.csv").touch()
    (folder.path / ".left.json").write_text('{"first.csv": [17')

    assert [path.name for path in folder.ready(time.time() + LATER)] == ["first.csv"]


def test_a_broken_file_with_a_long_name_is_rejected_with_its_reason(inbox: Inbox, folder: InputFolder) -> None:
    path = a_file(folder.path, f"{'ä' * 120}.csv", 1, "x\n")

    assert publish_file(inbox, path) is None
    (reason,) = folder.rejected.glob("*.reason.txt")
    assert reason.read_text().endswith("line 3: 1 columns, not 9\n")


@pytest.mark.kafka
@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + HEADER.encode() + ROW.format(user=1).encode(),
        f"{HEADER}{ROW.format(user=1)}\n".encode(),
        f"{HEADER}\n   \n{ROW.format(user=1)}".encode(),
        f"{HEADER}{ROW.format(user=1)}".replace("\n", "\r\n").encode() + b"\r\n\x1a",
        gzip.compress(f"{HEADER}{ROW.format(user=1)}".encode()),
    ],
    ids=["byte-order mark", "blank line at the end", "blank lines between", "DOS, Ctrl-Z", "gzip"],
)
def test_what_is_no_data_makes_no_row(
    inbox: Inbox, folder: InputFolder, topic: str, real_kafka: KafkaConnection, content: bytes
) -> None:
    path = folder.path / ("day.csv.gz" if content.startswith(b"\x1f\x8b") else "day.csv")
    path.write_bytes(content)

    done = publish_file(inbox, path)

    assert done is not None
    assert (done.rows, len(visible(real_kafka, topic))) == (1, 1)


@pytest.mark.kafka
def test_a_long_field_is_for_the_contract_to_refuse(
    inbox: Inbox, folder: InputFolder, topic: str, real_kafka: KafkaConnection
) -> None:
    path = a_file(folder.path, "long.csv", 1, ROW.format(user="9" * 200_000))

    assert publish_file(inbox, path) is not None
    assert len(visible(real_kafka, topic)) == 2


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("cp1251.csv", HEADER.encode() + ROW.format(user=1).encode() + "кисть\n".encode("cp1251"), "line 3: not UTF-8"),
        ("half.csv.gz", gzip.compress(HEADER.encode() * 99)[:-20], "half.csv.gz can't be read"),
        ("none.csv.gz", b"not gzip", "none.csv.gz can't be read"),
        ("huge.csv", f"{HEADER}{ROW.format(user='9' * 2_000_000)}".encode(), "row 1: larger than a message may be"),
    ],
)
def test_a_refusal_names_the_file_the_line_and_the_remedy(
    inbox: Inbox, folder: InputFolder, name: str, content: bytes, reason: str
) -> None:
    path = folder.path / name
    path.write_bytes(content)

    assert publish_file(inbox, path) is None
    assert reason in (folder.rejected / f"{name}.reason.txt").read_text()
