"""Finds the lines about a user in files outside the lake: months of the archive, files for Kafka. They are kept.

Add here: files that the product reads. Not here: tables (`user_search`), or what a line means (`events`).
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path

import polars as pl

from assets.archive.month_files import SUFFIXES, ArchiveFileError, MonthFile
from assets.events.avro_decoder import NO_SCHEMAS
from assets.events.contract import UTC_MICROSECONDS
from assets.events.csv_header import BrokenFileError
from assets.events.csv_line_parser import parse_lines
from assets.events.named_users import may_name, named_users


def files_about(folders: Iterable[Path], user_id: int, now: datetime) -> Iterator[tuple[Path, int | None]]:
    """The files of these folders with lines about a user, and how many; None for a file that can't be read."""
    for folder in folders:
        for path in sorted(folder.glob("*")):
            if path.is_file() and path.name.endswith(SUFFIXES):
                try:
                    lines = _lines_about(MonthFile(path, date.min), user_id, now)
                except (BrokenFileError, ArchiveFileError, OSError):
                    lines = None
                if lines != 0:
                    yield path, lines


def _lines_about(file: MonthFile, user_id: int, now: datetime) -> int:
    found = 0
    for lines in file.lines():
        near_it = lines.filter(may_name(lines["value"], user_id)).with_columns(
            key=pl.lit(file.header),
            ingested_at=pl.lit(now).cast(UTC_MICROSECONDS),
            kafka_timestamp=pl.lit(None, UTC_MICROSECONDS),
        )
        parsed = parse_lines(near_it)
        is_line = pl.repeat(value=True, n=parsed.height, dtype=pl.Boolean, eager=True)
        found += named_users(parsed, is_line, NO_SCHEMAS).filter(user_id=user_id).height
    return found
