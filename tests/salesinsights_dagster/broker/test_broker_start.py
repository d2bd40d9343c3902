"""What a start does when something is wrong, with a stand-in for Java."""

import os
import shutil
from pathlib import Path

import pytest

from salesinsights_dagster.broker import BrokerError, LocalBroker, broker_process, local_broker
from salesinsights_dagster.broker.broker_process import DetachedProcess
from salesinsights_dagster.broker.broker_record import BrokerRecord
from salesinsights_dagster.broker.jars import jars_folder

JAVA_17 = 'openjdk version "17.0.1" 2021-10-19'
FORMAT = "mkdir data.new && echo cluster.id=stand-in > data.new/meta.properties"


def install_java(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str = JAVA_17, run: str = "exit 0") -> None:
    """Put a `java` first on the PATH that reports this version and runs this script as the broker."""
    folder.mkdir(exist_ok=True)
    java = folder / "java"
    java.write_text(
        f"""#!/bin/sh
case "$*" in
    -version) echo '{version}' >&2 ;;
    *StorageTool*) {FORMAT} ;;
    *) {run} ;;
esac
"""
    )
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


@pytest.fixture
def broker(tmp_path: Path) -> LocalBroker:
    """A broker that has its jars."""
    jars_folder(tmp_path / "libs").mkdir(parents=True)
    return LocalBroker(tmp_path / "kafka", libs=tmp_path / "libs")


def test_missing_java_names_the_remedy(broker: LocalBroker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerError, match="Java is missing: install Java 17 or newer"):
        broker.start()
    assert not broker.status().running


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ('openjdk version "11.0.2" 2019-01-15', "Java 11 at .* is too old for Kafka 4: install Java 17"),
        ('java version "1.8.0_292"', "Java 8 at .* is too old"),
        ("Unable to locate a Java Runtime", "does not report its version .*Unable to locate.*: install Java 17"),
    ],
)
def test_unusable_java_names_the_remedy(
    broker: LocalBroker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, message: str
) -> None:
    install_java(tmp_path / "bin", monkeypatch, version)
    with pytest.raises(BrokerError, match=message):
        broker.start()


def test_a_broker_that_ends_at_once_is_explained_at_once(
    broker: LocalBroker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_java(tmp_path / "bin", monkeypatch, run="echo 'no room for the heap' >&2; exit 1")
    with pytest.raises(BrokerError, match=r"(?s)ended while it started.*console\.log:\nno room for the heap"):
        broker.start(wait_seconds=60)
    assert not (broker.home / "broker.json").exists()


def test_a_broker_that_never_answers_is_not_left_behind(
    broker: LocalBroker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_java(
        tmp_path / "bin", monkeypatch, run="echo $$ > pid; trap '' TERM; echo busy; while :; do sleep 0.05; done"
    )
    with pytest.raises(BrokerError, match=r"(?s)did not answer on 127\.0\.0\.1:\d+ within 0.5 s.*busy"):
        broker.start(wait_seconds=0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(int((broker.home / "pid").read_text()), 0)
    assert not broker.status().running


def test_a_record_of_another_process_with_the_same_number_is_not_ours(broker: LocalBroker) -> None:
    here = DetachedProcess(os.getpid(), started="long ago")
    broker.home.mkdir()
    BrokerRecord(here, 9092).save(broker.home / "broker.json")
    assert not broker.status().running
    assert not broker.stop()


def test_an_unreadable_record_is_named(broker: LocalBroker) -> None:
    broker.home.mkdir()
    (broker.home / "broker.json").write_text('{"pid": 1')
    with pytest.raises(BrokerError, match=r"broker\.json is not the record of a broker: remove it"):
        broker.status()


def test_foreign_data_is_not_formatted_over(
    broker: LocalBroker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_java(tmp_path / "bin", monkeypatch)
    (broker.home / "data").mkdir(parents=True)
    (broker.home / "data" / "precious").touch()
    with pytest.raises(BrokerError, match="is not the data of a broker: move it away"):
        broker.start()
    assert [file.name for file in (broker.home / "data").iterdir()] == ["precious"]
    assert not (broker.home / "logs").exists()


def test_an_interrupted_format_is_done_again(
    broker: LocalBroker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_java(tmp_path / "bin", monkeypatch, run="exit 1")
    (broker.home / "data.new").mkdir(parents=True)
    with pytest.raises(BrokerError, match="ended while it started"):
        broker.start()
    assert (broker.home / "data" / "meta.properties").exists()
    assert not (broker.home / "data.new").exists()


def test_status_of_nothing_touches_nothing(broker: LocalBroker) -> None:
    status = broker.status()
    assert status.as_dict() == {"running": False, "bootstrap_servers": None, "pid": None, "home": str(broker.home)}
    assert not broker.home.exists()


def test_an_interrupted_start_leaves_nothing_behind(
    broker: LocalBroker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(record: BrokerRecord, cluster_id: str) -> bool:
        pids.append(record.process.pid)
        raise KeyboardInterrupt

    pids: list[int] = []
    install_java(tmp_path / "bin", monkeypatch, run="exec sleep 60")
    monkeypatch.setattr(local_broker, "_answers", interrupted)
    with pytest.raises(KeyboardInterrupt):
        broker.start()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    assert not (broker.home / "broker.json").exists()


def _started(pid: int) -> str:
    seen = broker_process.look(pid)
    assert seen is not None
    return seen.started


def test_a_copy_of_a_home_does_not_take_the_originals_broker_for_its_own(tmp_path: Path) -> None:
    broker = LocalBroker(tmp_path / "home")
    broker.home.mkdir()
    BrokerRecord(DetachedProcess(os.getpid(), _started(os.getpid())), 9092).save(broker.home / "broker.json")
    shutil.copytree(broker.home, tmp_path / "copy")

    assert broker.status().running
    assert not LocalBroker(tmp_path / "copy").status().running
