"""The lines of a CSV file of events, plain or gzipped: the same for a file into Kafka and for a month of the archive.

A byte-order mark at the start, `\\r\\n`, blank lines and a Ctrl-Z at the end are no data.
Add here: what every CSV file may look like. Not here: its header (`csv_header`), or a row (`csv_line_parser`).
"""

import csv
import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from assets.events.csv_header import BrokenFileError

if TYPE_CHECKING:
    from _csv import Reader

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_LONGEST_FIELD = 2**31 - 1
"""Characters. Python's own limit would refuse the whole file for one long field, which the contract refuses alone."""

BLANKS = " \t\r\n\x1a"
"""What a line without data is made of."""


def shown(path: Path) -> str:
    """A file's name as text; bytes that are not UTF-8 become a mark."""
    return os.fsencode(path.name).decode("utf-8", "replace")


def cut(lines: Iterable[str], *, strict: bool = True) -> "Reader":
    """The fields of CSV lines, row by row, however long a field is. Raises csv.Error where a line is no CSV."""
    csv.field_size_limit(_LONGEST_FIELD)
    return csv.reader(lines, strict=strict)


def unpacked(path: Path) -> BinaryIO:
    """The file, opened; a `.gz` is unpacked as it is read."""
    return cast("BinaryIO", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The same, for who reads it at once. Raises BrokenFileError if it can't be read, or unpacked to its end."""
    try:
        with unpacked(path) as content:
            yield content
    except (OSError, EOFError, zlib.error) as error:
        raise BrokenFileError(f"{shown(path)} can't be read: {_reason(error)}. Copy it again") from error


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
