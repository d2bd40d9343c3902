"""Starting, recognizing and ending a detached process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from salesinsights_dagster.broker import broker_process
from salesinsights_dagster.broker.broker_process import DetachedProcess, spawn


def exists(pid: int) -> bool:
    """Whether the process id is in use, even by a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_process_runs_in_its_folder_and_session_and_is_ended(tmp_path: Path) -> None:
    process = spawn(["/bin/sleep", "60"], tmp_path, tmp_path / "out")
    try:
        assert process.is_alive()
        assert os.getsid(process.pid) == process.pid
        assert DetachedProcess(process.pid, "another time").is_alive() is False
    finally:
        process.end(wait_seconds=10)
    assert not process.is_alive()
    assert not exists(process.pid)


def test_what_it_prints_is_kept(tmp_path: Path) -> None:
    process = spawn(["/bin/sh", "-c", "pwd; echo wrong >&2"], tmp_path, tmp_path / "out")
    assert process.gone_within(10)
    assert (tmp_path / "out").read_text() == f"{tmp_path}\nwrong\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_is_ignored_here_is_heard_there(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        process = spawn(["/bin/sleep", "60"], tmp_path, tmp_path / "out")
    finally:
        signal.signal(number, before)
    os.kill(process.pid, number)
    ended = process.gone_within(10)
    process.end(0)
    assert ended


def test_a_process_that_refuses_to_end_is_killed(tmp_path: Path) -> None:
    refusing = [
        sys.executable,
        "-c",
        "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)",
    ]
    process = spawn(refusing, tmp_path, tmp_path / "out")
    while not (tmp_path / "out").read_text():
        assert process.is_alive()
    process.end(wait_seconds=0.2)
    assert not exists(process.pid)


def test_ps_and_proc_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
    seen = broker_process.look_with_ps(child.pid)
    again = broker_process.look_with_ps(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    as_zombie = broker_process.look_with_ps(child.pid), broker_process.look(child.pid)
    child.wait()
    assert seen is not None
    assert seen == again
    assert [zombie is not None and zombie.is_zombie for zombie in as_zombie] == [True, True]
    assert broker_process.look_with_ps(child.pid) is None
    assert broker_process.look(child.pid) is None
