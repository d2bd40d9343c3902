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
from typing import BinaryIO

from confluent_kafka import KafkaError, KafkaException

from assets.events.csv_file import BLANKS, BYTE_ORDER_MARK, cut, opened, shown
from assets.events.csv_header import BrokenFileError, checked_header
from assets.tables.topics import events_topic, files_topic
from resources.kafka_connection import KafkaConnection
from resources.kafka_topics import ensure_topic
from resources.kafka_writer import Message, OnceWriter

LEAST_SECONDS, LEAST_BYTES_PER_SECOND = 30, 1_000_000
"""Kafka aborts a publication that takes longer than this, so a killed one does not make readers wait for long."""


class FileChangedError(RuntimeError):
    """The file is still being written; nothing of it was published."""


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
    Raises BrokenFileError, or FileChangedError if the file is still being written (then no row is visible), and
    KafkaException if Kafka fails.
    """
    events, files = events_topic(topic), files_topic(topic)
    for needed in (events, files):
        ensure_topic(connection, needed)
    sha256, name = _sha256(path), shown(path)
    sent = _Counter(on_row)
    receipt = {"file": name, "sha256": sha256, "published_at": now.isoformat()}
    seconds = LEAST_SECONDS + path.stat().st_size / LEAST_BYTES_PER_SECOND + paced_seconds
    writer = OnceWriter(connection, events.name, files.name, transaction_seconds=seconds)
    try:
        is_new = writer.publish(f"{name}:{sha256}", sent.count(_unchanged(path, sha256)), json.dumps(receipt).encode())
    except KafkaException as error:
        if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
            raise
        raise BrokenFileError(
            f"{name}, row {sent.rows}: larger than a message may be: shorten it, or raise the topic's max.message.bytes"
        ) from error
    return Publication(name, sha256, sent.rows, is_new)


def _unchanged(path: Path, sha256: str) -> Iterator[Message]:
    """The messages of a file. Raises FileChangedError at the end if it has changed meanwhile: nothing is published."""
    yield from messages_of(path)
    if _sha256(path) != sha256:
        raise FileChangedError(f"{shown(path)} changed while it was read: it is published once it is complete")


def messages_of(path: Path) -> Iterator[Message]:
    """Each row as a key (the user_id) and a value (a JSON object of strings, empty ones as null).

    Raises BrokenFileError at the first line that is not a row of the header's columns.
    """
    name = shown(path)
    with opened(path) as content:
        rows = cut(_lines(content, name))
        try:
            header = checked_header(name, next(rows, []))
            user = header.index("user_id")
            for row in rows:
                if len(row) <= 1 and not "".join(row).strip(BLANKS):
                    continue
                if len(row) != len(header):
                    raise BrokenFileError(f"{name}, line {rows.line_num}: {len(row)} columns, not {len(header)}")
                event = {name: text or None for name, text in zip(header, row, strict=True)}
                yield row[user].encode(), json.dumps(event, ensure_ascii=False).encode()
        except csv.Error as error:
            raise BrokenFileError(f"{name}, line {rows.line_num}: not CSV ({error})") from error


def _lines(content: BinaryIO, name: str) -> Iterator[str]:
    for number, line in enumerate(content, 1):
        try:
            yield (line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line).decode()
        except UnicodeDecodeError as error:
            raise BrokenFileError(
                f"{name}, line {number}: not UTF-8 ({error.reason}): save the file as UTF-8"
            ) from error


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
