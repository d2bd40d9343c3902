"""Publishes CSV files of events to Kafka: each file once, whole or not at all.

A file that is not a CSV of the data set's columns is rejected whole. A row whose values break the contract is still
published, and ends in quarantine, where people can see it.
Add here: what makes a file publishable. Not here: the watched folder (`input_folder`).
"""

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from assets.events.csv_header import BrokenFileError, checked_header
from assets.tables.topics import events_topic, files_topic
from resources.kafka_connection import KafkaConnection
from resources.kafka_topics import ensure_topic
from resources.kafka_writer import Message, OnceWriter

LEAST_SECONDS, LEAST_BYTES_PER_SECOND = 30, 1_000_000
"""Kafka aborts a publication that takes longer than this, so a killed one does not make readers wait for long."""


@dataclass(frozen=True)
class Publication:
    """The result of publishing one file. `rows` is 0 if it was published before."""

    file: str
    sha256: str
    rows: int
    is_new: bool


def publish_csv(
    path: Path,
    connection: KafkaConnection,
    topic: str,
    now: datetime,
    on_row: Callable[[int], None] = lambda row: None,
    paced_seconds: float = 0,
) -> Publication:
    """Publish the rows of one CSV file as events, and that it was published, in one Kafka transaction.

    Idempotent: a file is known by its name and content. `on_row` is called with the rows so far, every thousand rows
    and at the end. It may slow the publication down, to `paced_seconds` for the file.
    Raises BrokenFileError (then no row is visible) and KafkaException if Kafka fails.
    """
    events, files = events_topic(topic), files_topic(topic)
    for needed in (events, files):
        ensure_topic(connection, needed)
    sha256 = _sha256(path)
    sent = _Counter(on_row)
    receipt = {"file": path.name, "sha256": sha256, "published_at": now.isoformat()}
    seconds = LEAST_SECONDS + path.stat().st_size / LEAST_BYTES_PER_SECOND + paced_seconds
    writer = OnceWriter(connection, events.name, files.name, transaction_seconds=seconds)
    is_new = writer.publish(f"{path.name}:{sha256}", sent.count(messages_of(path)), json.dumps(receipt).encode())
    return Publication(path.name, sha256, sent.rows, is_new)


def messages_of(path: Path) -> Iterator[Message]:
    """Each row as a key (the user_id) and a value (a JSON object of strings, empty ones as null).

    Raises BrokenFileError at the first line that is not a row of the header's columns.
    """
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines, strict=True)
        try:
            header = checked_header(path.name, next(rows, []))
            user = header.index("user_id")
            for row in rows:
                if len(row) != len(header):
                    raise BrokenFileError(f"{path.name}, line {rows.line_num}: {len(row)} columns, not {len(header)}")
                event = {name: text or None for name, text in zip(header, row, strict=True)}
                yield row[user].encode(), json.dumps(event, ensure_ascii=False).encode()
        except UnicodeDecodeError as error:
            raise BrokenFileError(f"{path.name}, after line {rows.line_num}: not UTF-8 ({error.reason})") from error
        except csv.Error as error:
            raise BrokenFileError(f"{path.name}, line {rows.line_num}: not CSV ({error})") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


class _Counter:
    """Counts messages as they pass, and reports every thousandth and the last."""

    def __init__(self, on_row: Callable[[int], None]) -> None:
        self.rows = 0
        self._on_row = on_row

    def count(self, messages: Iterator[Message]) -> Iterator[Message]:
        for message in messages:
            self.rows += 1
            if self.rows % 1_000 == 0:
                self._on_row(self.rows)
            yield message
        self._on_row(self.rows)
