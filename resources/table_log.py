"""The log folder of a Delta table on a local disk, where a power cut can leave a file without its content.

Add here: a fault of the log that can be seen in its files. Not here: what a lost commit means (`assets.upkeep.repair`).
"""

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from resources.parquet_marks import is_broken

_COMMIT = re.compile(r"\d{20}\.json")


@dataclass(frozen=True)
class LogFault:
    """A file of a log that must be removed: what is wrong with it, and where it is."""

    kind: str
    path: Path

    def mend(self) -> None:
        """Remove the file: the table is then as it was before it."""
        self.path.unlink()


def make_young(folder: Path, version: int) -> None:
    """Make the log's files of a version as young as if they had been written now: old ones are deleted."""
    for path in folder.glob(f"{version:020}.*"):
        with suppress(FileNotFoundError):
            os.utime(path)


def log_faults(folder: Path) -> list[LogFault]:
    """The faults of the log in `folder`; nobody may write to the table meanwhile.

    `empty_commit`: the last commit has no content and no checkpoint, so its rows are lost, and readers would take it
    for an empty one.
    `broken_checkpoint`: a checkpoint that can't be read, or a pointer to one; the log says the same without it.
    """
    torn = [path for path in sorted(folder.glob("*.checkpoint*.parquet")) if is_broken(path)]
    broken = [LogFault("broken_checkpoint", path) for path in torn]
    gone = {fault.path.name for fault in broken}
    pointer = folder / "_last_checkpoint"
    if pointer.exists() and not _points_to(pointer, gone):
        broken.append(LogFault("broken_checkpoint", pointer))
    commits = sorted(path for path in folder.glob("*.json") if _COMMIT.fullmatch(path.name))
    empty = [LogFault("empty_commit", path) for path in commits[-1:] if not path.read_bytes().strip(b"\0 \n")]
    # An intact checkpoint of this version has the commit's rows: the commit is not lost, and its number stays taken.
    lost = [fault for fault in empty if not _has_checkpoint(folder, fault.path.stem, gone)]
    return [*lost, *broken]


def _has_checkpoint(folder: Path, version: str, gone: set[str]) -> bool:
    return any(path.name not in gone for path in folder.glob(f"{version}.checkpoint*.parquet"))


def _points_to(pointer: Path, gone: set[str]) -> bool:
    """Whether the pointer names a checkpoint that exists and is intact."""
    try:
        version = int(json.loads(pointer.read_bytes())["version"])
    except (ValueError, KeyError, TypeError):
        return False
    named = list(pointer.parent.glob(f"{version:020}.checkpoint*.parquet"))
    return bool(named) and gone.isdisjoint(path.name for path in named)
