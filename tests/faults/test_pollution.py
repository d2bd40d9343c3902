"""Spoiled messages and files by the thousand: nothing stops on them, and every one is accounted for."""

import csv
import gzip
import io
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import polars as pl
import pytest

from assets.archive.month_files import ArchiveFileError, MonthFile
from assets.archive.month_loader import MonthLoad, load_month
from assets.events.contract import EVENT, FIELDS, REASONS, UTC_MICROSECONDS
from assets.events.csv_file import BLANKS
from assets.events.csv_header import BrokenFileError
from assets.events.csv_line_parser import parse_lines
from assets.events.message_parser import parse_events
from assets.intake.csv_publisher import messages_of
from assets.silver.silver import rebuild_silver
from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_EVENTS, SILVER_BATCHES, SILVER_EVENTS, SILVER_QUARANTINE
from assets.upkeep.audit import audit
from resources.lake import Lake
from tests.assets.archive.month_lines import OCTOBER
from tests.assets.events.mutations import mutated
from tests.assets.events.row_parser import parse_row
from tests.faults.feed import PARTITIONS, some_events, spelled
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

MESSAGES, FILES, PARQUET_FILES, LOADED = 10_000, 2_000, 200, 8
NOW = datetime(2026, 1, 1, tzinfo=UTC)
JUDGED = (SILVER_EVENTS, SILVER_QUARANTINE)


def events_without_end(chance: Random) -> Iterator[dict[str, Any]]:
    while True:
        yield from some_events(chance)


@pytest.fixture(scope="module")
def spoiled() -> list[bytes]:
    chance = Random(10_000)
    known = list(itertools.islice(events_without_end(chance), MESSAGES // 5))
    return [mutated(spelled(event, chance), chance) for event in chance.choices(known, k=MESSAGES)]


def test_every_spoiled_message_has_the_outcome_that_the_contract_gives_it(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, spoiled: list[bytes]
) -> None:
    for partition in range(PARTITIONS):
        mock_kafka.publish(topic, spoiled[partition::PARTITIONS], partition)

    run(lake, replace(stream, batch_rows=MESSAGES // 2))

    kept = lake.table(BRONZE_EVENTS).read().sort("partition", "offset")
    assert kept["value"].to_list() == [value for p in range(PARTITIONS) for value in spoiled[p::PARTITIONS]]
    counts = lake.table(SILVER_BATCHES).read().select("messages", "accepted", "quarantined", "duplicates").sum()
    messages, *outcomes = counts.row(0)
    assert messages == MESSAGES == sum(outcomes)
    assert min(outcomes) > 0
    assert audit(lake).findings == []
    due = {
        (partition, offset): parse_row(value, at)
        for partition, offset, value, at in kept.select("partition", "offset", "value", "kafka_timestamp").iter_rows()
    }
    refused = {
        (p, o): (reason, value) for p, o, reason, value in quarantined(lake) if reason != "conflicting_duplicate"
    }
    assert refused == {
        place: (verdict, spoiled[place[1] * PARTITIONS + place[0]])
        for place, verdict in due.items()
        if isinstance(verdict, str)
    }
    typed = lake.table(SILVER_EVENTS).read(columns=["partition", "offset", *FIELDS])
    assert [(p, o) for p, o, *held in typed.iter_rows() if due[p, o] != dict(zip(FIELDS, held, strict=True))] == []


def quarantined(lake: Lake) -> Iterator[tuple[Any, ...]]:
    return lake.table(SILVER_QUARANTINE).read().select("partition", "offset", "reason", "value").iter_rows()


def test_days_of_spoiled_messages_are_rebuilt_as_they_were(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, spoiled: list[bytes]
) -> None:
    mock_kafka.publish(topic, spoiled[:1_000])
    run(lake, stream)
    before = [rows(lake, layout) for layout in JUDGED]

    rebuild_silver(lake, lake.table(BRONZE_EVENTS).days)

    after = [rows(lake, layout) for layout in JUDGED]
    assert [table.equals(held) for table, held in zip(after, before, strict=True)] == [True, True]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Month files, each in a folder of its own; every eighth is packed."""
    chance, folder = Random(2_000), tmp_path_factory.mktemp("files")
    events = events_without_end(chance)
    return [_a_file(folder / str(number), number % 8 == 0, events, chance) for number in range(FILES)]


def _a_file(folder: Path, is_packed: bool, events: Iterator[dict[str, Any]], chance: Random) -> Path:
    text = io.StringIO()
    sheet = csv.writer(text, lineterminator=chance.choice(("\n", "\n", "\r\n")), quoting=chance.choice((0, 0, 1)))
    sheet.writerow(EVENT)
    sheet.writerows([next(events)[name] for name in EVENT] for _ in range(chance.randint(1, 8)))
    content = text.getvalue().encode()
    if is_packed and chance.random() < 0.5:
        content = mutated(gzip.compress(content, mtime=0), chance)
    else:
        content = mutated(content, chance)
        content = gzip.compress(content, mtime=0) if is_packed else content
    folder.mkdir()
    path = folder / ("2019-Oct.csv.gz" if is_packed else "2019-Oct.csv")
    path.write_bytes(content)
    return path


_T = TypeVar("_T")


def unless_refused(path: Path, read: Callable[[], _T]) -> _T | None:
    """What the file gives; None if it is refused, by its name."""
    try:
        return read()
    except (BrokenFileError, ArchiveFileError) as error:
        said = str(error)
    assert path.name in said
    return None


def test_a_spoiled_file_is_published_row_for_row_or_refused_by_its_name(files: list[Path]) -> None:
    found = {path: unless_refused(path, lambda: list(messages_of(path))) for path in files}  # noqa: B023

    published = {path: messages for path, messages in found.items() if messages is not None}
    assert 0 < len(published) < FILES
    due = {path: records(content_of(path).decode()) for path in published}
    assert {path: len(messages) for path, messages in published.items()} == due
    values = pl.DataFrame({"value": [value for messages in published.values() for _, value in messages]})
    judged = parse_events(values.with_columns(kafka_timestamp=pl.lit(NOW).cast(UTC_MICROSECONDS)))
    assert judged.height == sum(due.values()) > 0
    assert set(judged["reason"].drop_nulls()) <= set(REASONS)


def content_of(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def records(text: str) -> int:
    """How many records follow the header, by RFC 4180: a line break between quotes belongs to its field."""
    found, record, is_quoted, may_open = list[str](), "", False, True
    for character in text.removeprefix("\ufeff"):
        if character == '"' and (is_quoted or may_open):
            is_quoted, may_open = not is_quoted, True
        elif not is_quoted:
            may_open = character in ",\r\n"
        record += character
        if character == "\n" and not is_quoted:
            found.append(record)
            record = ""
    return sum(bool(one.strip(f'{BLANKS}"')) for one in [*found, record][1:])


def test_a_spoiled_month_is_read_line_by_line_or_refused_by_its_name(files: list[Path]) -> None:
    found = {path: unless_refused(path, lambda: month_of(path)) for path in files}  # noqa: B023

    read = {path: lines for path, lines in found.items() if lines is not None}
    assert 0 < len(read) < FILES
    assert [path for path, lines in read.items() if lines["value"].to_list() != lines_of(content_of(path))] == []
    stamped = pl.concat(read.values()).with_columns(
        ingested_at=pl.lit(NOW).cast(UTC_MICROSECONDS), kafka_timestamp=pl.lit(None, UTC_MICROSECONDS)
    )
    judged = parse_lines(stamped)
    assert judged.height == stamped.height
    assert set(judged["reason"].drop_nulls()) <= set(REASONS)


def month_of(path: Path) -> pl.DataFrame:
    """The lines of a month's file, each with the file's header."""
    month = MonthFile(path, OCTOBER)
    return pl.concat(month.lines()).with_columns(key=pl.lit(month.header))


def test_a_spoiled_parquet_file_is_read_or_refused_by_its_name(tmp_path: Path) -> None:
    chance, read = Random(300), 0
    events, path = events_without_end(chance), tmp_path / "2019-Oct.parquet"
    for _ in range(PARQUET_FILES):
        sheet = pl.DataFrame([{name: event[name] for name in EVENT} for event in itertools.islice(events, 4)])
        sheet.write_parquet(path, compression=chance.choice(("zstd", "lz4", "uncompressed")))
        path.write_bytes(mutated(path.read_bytes(), chance))
        read += unless_refused(path, lambda: month_of(path)) is not None

    assert 0 < read < PARQUET_FILES


def lines_of(content: bytes) -> list[bytes]:
    return [line for line in content.split(b"\n")[1:] if line not in (b"", b"\r")]


def test_spoiled_months_that_replace_each_other_are_accounted_for(lake: Lake, files: list[Path]) -> None:
    loads = ((path, unless_refused(path, lambda: load(lake, path))) for path in files)  # noqa: B023
    loaded = list(itertools.islice(((path, done) for path, done in loads if done is not None), LOADED))

    assert [done.counts["lines"] for _, done in loaded] == [len(lines_of(content_of(path))) for path, _ in loaded]
    assert audit(lake).findings == []


def load(lake: Lake, path: Path) -> MonthLoad:
    return load_month(lake, MonthFile(path, OCTOBER), NOW, 45)
