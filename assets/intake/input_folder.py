"""The watched folder: publishes each complete CSV file and moves it away.

Add here: what happens to a file in the folder. Not here: how a file is published (`csv_publisher`).
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import dagster as dg

from assets.events.csv_header import BrokenFileError
from assets.intake.csv_publisher import Publication, publish_csv
from assets.tables.asset_specs import SHOP_EVENTS
from resources.kafka_connection import KafkaConnection

QUIET_SECONDS = 5.0
"""A file that has not changed for this long counts as complete."""


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
        """The CSV files that have not changed for QUIET_SECONDS before `now` (epoch seconds), by name.

        A file whose name starts with a dot is still being written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        files = sorted(path for path in self.path.glob("*.csv") if path.is_file() and not path.name.startswith("."))
        return [path for path in files if now - path.stat().st_mtime >= QUIET_SECONDS]

    def put_away(self, path: Path, folder: Path, reason: str | None = None) -> Path:
        """Move the file to a free name in the folder. The reason is written first, so it is never missing."""
        folder.mkdir(parents=True, exist_ok=True)
        target = _free(folder / path.name)
        if reason is not None:
            target.with_name(f"{target.name}.reason.txt").write_text(f"{reason}\n")
        os.replace(path, target)
        return target


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

    A kill between the two steps is harmless: the next pass finds the file published, and moves it.
    """
    try:
        done = publish_csv(path, inbox.connect(), inbox.topic, inbox.clock())
    except BrokenFileError as error:
        inbox.folder.put_away(path, inbox.folder.rejected, str(error))
        return None
    inbox.folder.put_away(path, inbox.folder.archive)
    return done


@dg.op(name="publish_input_files", out=dg.Out(dg.Nothing))
def publish_input_files(context: dg.OpExecutionContext, inbox: dg.ResourceParam[Inbox]) -> None:
    """Publish every complete file of the input folder, in the order of their names."""
    for path in inbox.folder.ready(time.time()):
        done = publish_file(inbox, path)
        if done is None:
            context.log.warning(f"{path.name} is broken: moved to {inbox.folder.rejected}, with the reason beside it")
            continue
        context.log.info(f"{path.name}: {done.rows} rows" if done.is_new else f"{path.name} was published before")
        metadata: dict[str, str | int] = {"file": done.file, "sha256": done.sha256, "dagster/row_count": done.rows}
        context.log_event(dg.AssetMaterialization(SHOP_EVENTS.key, metadata=metadata))
