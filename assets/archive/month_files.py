"""The file of a month of events (`2019-Oct.csv`, `.csv.gz` or `.parquet`): found by its name, read line by line.

Add here: a file format. Not here: what a line means (`events.csv_line_parser`), or where it is kept (`month_loader`).
"""

import csv
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import polars as pl
import polars.selectors as cs

from assets.events.csv_file import BYTE_ORDER_MARK, cut, opened, unpacked
from assets.events.csv_header import BrokenFileError, checked_header
from resources.foreseen_error import ForeseenError

MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SUFFIXES = (".csv", ".csv.gz", ".parquet")

LINES = pl.Schema({"offset": pl.Int64(), "value": pl.Binary()})
"""`offset` is the line number in the file as an editor counts (the header is line 1), `value` the line's bytes."""

BLOCK_BYTES = 16 * 2**20
ROWS_AT_ONCE = 250_000


PART_BYTES = 128 * 2**20
PART_ROWS = 2_000_000
"""About how much of a CSV file, or of a Parquet file, is a part."""


class ArchiveFileError(ForeseenError):
    """A month's file is missing, exists twice, or can't be read; the message names it and the remedy."""


@dataclass(frozen=True)
class FilePart:
    """Whole lines of a file: the bytes from `start` to `end`, or those rows of a Parquet file.

    `first` is the number of the first line.
    """

    start: int
    end: int
    first: int


def file_stem(month: date) -> str:
    """The name of a month's file without its suffix, such as `2019-Oct`."""
    return f"{month.year}-{MONTH_NAMES[month.month - 1]}"


@dataclass(frozen=True)
class MonthFile:
    """The file of one month; `month` is its first day."""

    path: Path
    month: date

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the content."""
        with self.path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()

    @property
    def about_lines(self) -> int:
        """About how many lines there are, by the file's size: a plain line takes some 120 bytes, a packed one 20."""
        return self.path.stat().st_size // (120 if self.path.suffix == ".csv" else 20)

    @cached_property
    def header(self) -> bytes:
        """The columns' names, as a CSV line.

        Raises BrokenFileError if it can't be read, or as `checked_header`; ArchiveFileError if the file is no Parquet.
        """
        if self.path.suffix == ".parquet":
            with self._reading():
                line = _csv_line(pl.read_parquet_schema(self.path))
        else:
            with opened(self.path) as content:
                line = content.readline().rstrip(b"\r\n").removeprefix(BYTE_ORDER_MARK)
        try:
            names = next(cut([line.decode()], strict=False), [])
        except csv.Error as error:
            raise BrokenFileError(
                f"{self.path.name}, line 1: the header is not CSV ({error}): save the file with line feeds as line ends"
            ) from error
        except UnicodeDecodeError as error:
            raise BrokenFileError(
                f"{self.path.name}, line 1: the header is not UTF-8 ({error}): save the file as UTF-8"
            ) from error
        checked_header(self.path.name, names)
        return line

    def lines(self, part: FilePart | None = None) -> Iterator[pl.DataFrame]:
        """The lines after the header, in order, as frames of LINES; blank ones are left out. With `part`, its lines.

        Raises ArchiveFileError if the file can't be read to its end.
        """
        read = self._parquet_lines(part) if self.path.suffix == ".parquet" else self._csv_lines(part)
        with self._reading():
            yield from read

    def parts(self) -> list[FilePart | None]:
        """The file in parts that can be read apart; None is the whole of a file that can't be cut, since it is packed.

        Reads a CSV file once, to count its lines. Raises ArchiveFileError if it can't be read.
        """
        if self.path.suffix == ".gz":
            return [None]
        with self._reading():
            return list(self._parquet_parts() if self.path.suffix == ".parquet" else self._csv_parts())

    def _csv_parts(self) -> Iterator[FilePart]:
        with self.path.open("rb") as content:
            content.readline()
            start = end = content.tell()
            first = number = 2
            while block := content.read(BLOCK_BYTES):
                number += block.count(b"\n")
                cut = end + block.rfind(b"\n") + 1
                end += len(block)
                # After the last line break of a block no other line begins before the next one.
                if cut - start >= PART_BYTES and cut > end - len(block):
                    yield FilePart(start, cut, first)
                    start, first = cut, number
            if end > start:
                yield FilePart(start, end, first)

    def _parquet_parts(self) -> Iterator[FilePart]:
        rows = int(pl.scan_parquet(self.path).select(pl.len()).collect().item())
        return (FilePart(start, min(start + PART_ROWS, rows), start + 2) for start in range(0, rows, PART_ROWS))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        # Polars panics on some files that are no Parquet any more, and its panic is not an Exception.
        except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise ArchiveFileError(f"{self.path} can't be read: {error}. Copy it again") from error

    def _csv_lines(self, part: FilePart | None) -> Iterator[pl.DataFrame]:
        with unpacked(self.path) as content:
            number, rest = part.first if part else 2, b""
            for block in self._blocks(content, part):
                text = rest + block
                end = text.rfind(b"\n") + 1
                rest = text[end:]
                lines = _cut(text[:end])
                yield _frame(lines, number)
                number += len(lines)
            yield _frame(_series([rest]), number)

    def _blocks(self, content: BinaryIO, part: FilePart | None) -> Iterator[bytes]:
        if part is None:
            content.readline()
            yield from iter(lambda: content.read(BLOCK_BYTES), b"")
            return
        content.seek(part.start)
        for start in range(part.start, part.end, BLOCK_BYTES):
            wanted = min(BLOCK_BYTES, part.end - start)
            block = content.read(wanted)
            if len(block) < wanted:
                raise ArchiveFileError(
                    f"{self.path} ends before byte {part.end} here. Let all workers see the same file"
                )
            yield block

    def _parquet_lines(self, part: FilePart | None) -> Iterator[pl.DataFrame]:
        rows, number = pl.scan_parquet(self.path), 2
        if part:
            rows, number = rows.head(part.end), part.first
        while (some := rows.slice(number - 2, ROWS_AT_ONCE).collect()).height:
            utc = some.with_columns(cs.datetime(time_zone="*").dt.convert_time_zone("UTC").dt.replace_time_zone(None))
            text = utc.write_csv(include_header=False, datetime_format="%Y-%m-%d %H:%M:%S%.f UTC")
            lines = text.encode().split(b"\n")[:-1]
            if len(lines) != some.height:
                raise ArchiveFileError(
                    f"{self.path}: a text between rows {number} and {number + some.height} has a line break"
                )
            yield _frame(_series(lines), number)
            number += some.height


def _cut(text: bytes) -> pl.Series:
    """The lines of a text that ends with a line break, byte for byte."""
    if b"\r" not in text:
        try:
            lines = pl.read_lines(text)["line"]
        except pl.exceptions.PolarsError:
            lines = pl.Series(dtype=pl.String)
        # Polars accepts only UTF-8, and would treat a carriage return as part of the line break.
        if len(lines) == text.count(b"\n"):
            return lines.cast(pl.Binary)
    return _series(text.split(b"\n")[:-1])


def _series(lines: list[bytes]) -> pl.Series:
    return pl.Series(lines, dtype=pl.Binary)


def _frame(lines: pl.Series, first: int) -> pl.DataFrame:
    offset = pl.int_range(first, first + len(lines), dtype=pl.Int64, eager=True)
    is_blank = lines.bin.size() <= 1
    frame = pl.DataFrame({"offset": offset, "value": lines})
    return frame.filter(~is_blank | ~pl.col("value").is_in([b"", b"\r"])) if is_blank.any() else frame


def _csv_line(names: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return text.getvalue().encode()


def find_month(folder: Path, month: date) -> MonthFile:
    """Find the file of a month. Raises ArchiveFileError if there is none, or more than one."""
    names = [f"{file_stem(month)}{suffix}" for suffix in SUFFIXES]
    found = [folder / name for name in names if (folder / name).is_file()]
    if not found:
        raise ArchiveFileError(
            f"{folder} has no file for {month:%Y-%m}: put {names[0]} there (or {', '.join(SUFFIXES[1:])})"
        )
    if len(found) > 1:
        raise ArchiveFileError(f"{folder} has {' and '.join(p.name for p in found)}: keep the one that counts")
    return MonthFile(found[0], month)
