import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from resources.scratch import scratch_folder

HOLD = """
import sys
from resources.scratch import scratch_folder
with scratch_folder("held") as folder:
    (folder / "rows").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def hold(temporary: Path) -> tuple[subprocess.Popen[str], Path]:
    env = {**os.environ, "TMPDIR": str(temporary)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_the_folder_is_gone_afterwards(temporary: Path) -> None:
    with scratch_folder("mine") as folder:
        (folder / "rows").touch()

    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(temporary: Path) -> None:
    process, left = hold(temporary)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (left / "rows").exists()

    with scratch_folder("held"):
        assert not left.exists()

    assert list(temporary.iterdir()) == []


def test_the_folder_of_a_process_that_lives_is_left_alone(temporary: Path) -> None:
    process, held = hold(temporary)

    with scratch_folder("held"):
        assert (held / "rows").exists()

    process.communicate("")
    assert list(temporary.iterdir()) == []


def test_a_lock_that_another_process_removed_before_it_was_locked_is_made_again(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, others = tempfile.NamedTemporaryFile, ["mine"]

    def and_then_another(*arguments: Any, **options: Any) -> Any:
        lock = make(*arguments, **options)
        if others:
            with scratch_folder(others.pop()):
                pass
        return lock

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", and_then_another)
    with scratch_folder("mine") as folder, scratch_folder("mine"):
        assert folder.exists()

    assert list(temporary.iterdir()) == []


def test_a_folder_that_was_made_again_after_its_owner_died_is_removed(temporary: Path) -> None:
    """By whoever still worked there for the owner."""
    (temporary / "mine-late" / "rows").mkdir(parents=True)

    with scratch_folder("mine") as folder:
        assert [path.name for path in temporary.iterdir() if path.is_dir()] == [folder.name]
