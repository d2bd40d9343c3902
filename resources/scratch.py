"""A temporary folder, removed after use; if its process was killed, the next process removes it.

Add here: nothing else. Not here: what lies in the folder.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_LOCK = ".lock"


@contextmanager
def scratch_folder(name: str, parent: Path | None = None) -> Iterator[Path]:
    """A new folder in `parent`, by default the system's folder for temporary files, which TMPDIR names.

    Its owner locks a file beside it; the lock ends with the process. Folders of `name` whose lock is free are removed
    first, and so are those without a lock: whoever still worked there for a dead owner has made them again.
    """
    parent = parent or Path(tempfile.gettempdir())
    parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(name, parent)
    with _locked(name, parent) as lock:
        folder = Path(lock.name).with_suffix("")
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            Path(lock.name).unlink(missing_ok=True)


def _locked(name: str, parent: Path) -> IO[bytes]:
    """A new lock file, locked: until then, another process may take it for abandoned and remove it."""
    while True:
        lock = tempfile.NamedTemporaryFile(prefix=f"{name}-", suffix=_LOCK, dir=parent, delete=False)  # noqa: SIM115
        fcntl.flock(lock, fcntl.LOCK_EX)
        if Path(lock.name).exists():
            return lock
        lock.close()


def _remove_abandoned(name: str, parent: Path) -> None:
    for path in parent.glob(f"{name}-*{_LOCK}"):
        try:
            with path.open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.unlink(missing_ok=True)
        except OSError:
            continue  # It is in use, or belongs to another user.
    for folder in parent.glob(f"{name}-*/"):
        if not folder.with_suffix(_LOCK).exists():
            shutil.rmtree(folder, ignore_errors=True)
