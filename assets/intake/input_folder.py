"""The watched folder: publishes each complete CSV file and moves it away.

Add here: what happens to a file in the folder. Not here: how a file is published (`csv_publisher`).
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg

from assets.events.csv_file import shown
from assets.events.csv_header import BrokenFileError
from assets.intake.csv_publisher import FileChangedError, Publication, publish_csv
from assets.tables.asset_specs import SHOP_EVENTS
from resources.kafka_connection import KafkaConnection
from resources.open_files import has_writer
from resources.whole_files import write_whole

QUIET_SECONDS = 5.0
"""A file that has not changed for this long, and that no process has open for writing, counts as complete."""

SUFFIXES = (".csv", ".csv.gz")

LONGEST_NAME = 200
"""Bytes of the name of a file with a reason: file systems allow 255."""

_LEFT = ".left.json"


@dataclass(frozen=True)
class InputFolder:
    """The folder, and where its files go: `archive/` once published, `rejected/` with the reason beside them."""

    path: Path

    @property
    def archive(self) -> Path:
        return self.path / "archive"

    @property
    def rejected(self) -> Path:
        return self.path / "rejected"

    def ready(self, now: float) -> list[Path]:
        """The complete files at `now` (epoch seconds), by name."""
        return [path for path, why in self._entries(now) if why is None]

    def waiting(self, now: float) -> dict[str, str]:
        """What else is in the folder, and why it is not taken: by name."""
        return {shown(path): why for path, why in self._entries(now) if why is not None}

    def leave(self, path: Path, why: str) -> None:
        """Take no notice of a file that can't be handled, until it changes."""
        left = self._left()
        left[shown(path)] = [path.stat().st_mtime_ns, why]
        write_whole(self.path / _LEFT, json.dumps(left))

    def put_away(self, path: Path, folder: Path, reason: str | None = None) -> Path:
        """Move the file to a free name in the folder. The reason is written first, so it is never missing."""
        folder.mkdir(parents=True, exist_ok=True)
        target = _free(folder / path.name)
        if reason is not None:
            name = shown(target).encode()[:LONGEST_NAME].decode("utf-8", "ignore")
            target.with_name(f"{name}.reason.txt").write_text(f"{reason}\n")
        os.replace(path, target)
        return target

    def _entries(self, now: float) -> list[tuple[Path, str | None]]:
        """Each entry that a user has put there, and why it is not taken, None if it is."""
        self.path.mkdir(parents=True, exist_ok=True)
        left, own = self._left(), {self.archive.name, self.rejected.name}
        entries = sorted(path for path in self.path.iterdir() if path.name not in own)
        return [(path, _why_not(path, now, left)) for path in entries if not path.name.startswith(".")]

    def _left(self) -> dict[str, list[Any]]:
        try:
            left: dict[str, list[Any]] = json.loads((self.path / _LEFT).read_text())
        # A release that wrote this file in place may have left half of it: its files are then tried once more.
        except (FileNotFoundError, ValueError):
            return {}
        return left


def _why_not(path: Path, now: float, left: Mapping[str, list[Any]]) -> str | None:
    if path.is_dir():
        return "a folder"
    if not path.name.endswith(SUFFIXES):
        return "its name does not end in .csv or .csv.gz"
    try:
        changed = path.stat()
        since, why = left.get(shown(path), (None, ""))
        if since == changed.st_mtime_ns:
            return str(why)
        if changed.st_mtime > now:
            return "its time is in the future: touch it"
        if now - changed.st_mtime < QUIET_SECONDS:
            return "it changed a moment ago"
        return "a process has it open for writing" if has_writer(path) else None
    except FileNotFoundError:
        return "it is gone"


def _free(target: Path) -> Path:
    number = 1
    free = target
    while free.exists():
        number += 1
        free = target.with_name(f"{target.stem}.{number}{target.suffix}")
    return free


@dataclass(frozen=True)
class Inbox:
    """What publishing needs: the folder, the topic, how to reach Kafka, and the time."""

    folder: InputFolder
    topic: str
    connect: Callable[[], KafkaConnection]
    clock: Callable[[], datetime]


def publish_file(inbox: Inbox, path: Path) -> Publication | None:
    """Publish one file and move it to the archive; None if it is broken and was moved to `rejected/`.

    A kill between the two steps is harmless: the next pass finds the file published, and moves it. Raises
    FileChangedError if the file is still being written; it stays, and the next pass publishes what it then holds: rows
    that were published before are duplicates.
    """
    before = path.stat()
    try:
        done = publish_csv(path, inbox.connect(), inbox.topic, inbox.clock())
    except BrokenFileError as error:
        inbox.folder.put_away(path, inbox.folder.rejected, str(error))
        return None
    after = path.stat()
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise FileChangedError(f"{done.file} changed while it was published: it stays until it is complete")
    inbox.folder.put_away(path, inbox.folder.archive)
    return done


@dg.op(name="publish_input_files", out=dg.Out(dg.Nothing))
def publish_input_files(context: dg.OpExecutionContext, inbox: dg.ResourceParam[Inbox]) -> None:
    """Publish every complete file of the input folder, in the order of their names.

    A file that can't be handled holds up no other: it is left where it is until it changes, and the run fails at the
    end, so that somebody is alerted once. If Kafka fails, no file is to blame: the run fails at once.
    """
    failures = []
    for path in inbox.folder.ready(time.time()):
        try:
            _publish(context, inbox, path)
        except FileChangedError as changed:
            context.log.info(str(changed))
        except (OSError, ValueError) as failure:
            why = f"{type(failure).__name__}: {failure}".encode("utf-8", "replace").decode()
            inbox.folder.leave(path, why)
            failures.append(f"{shown(path)}: {why}")
    if failures:
        raise dg.Failure(f"left in {inbox.folder.path} until they change: {'; '.join(failures)}")


def _publish(context: dg.OpExecutionContext, inbox: Inbox, path: Path) -> None:
    done = publish_file(inbox, path)
    if done is None:
        context.log.warning(f"{shown(path)} is broken: moved to {inbox.folder.rejected}, with the reason beside it")
        return
    context.log.info(f"{done.file}: {done.rows} rows" if done.is_new else f"{done.file} was published before")
    metadata: dict[str, str | int] = {"file": done.file, "sha256": done.sha256, "dagster/row_count": done.rows}
    context.log_event(dg.AssetMaterialization(SHOP_EVENTS.key, metadata=metadata))
