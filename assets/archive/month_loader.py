"""Loads a month's file: its lines into bronze as source `archive`, then silver and gold of its days.

A month's lines are one commit. A corrected file replaces exactly that month's lines. Loading the same file again
changes no row. Add here: how a month reaches the lake. Not here: file formats (`month_files`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path

import polars as pl

from assets.archive.month_files import FilePart, MonthFile
from assets.bronze.fences import check_fence
from assets.bronze.forgotten_users import forgotten_users, without_forgotten
from assets.events.contract import AHEAD_OF_KAFKA, EARLIEST
from assets.events.csv_line_parser import dates_of, parse_lines
from assets.gold.gold import rebuild_gold
from assets.gold.restatements import look_in_time
from assets.progress.changed_days import day_groups, rows_per_day
from assets.progress.rebuild_marks import finishing
from assets.progress.untold_days import untold
from assets.silver.day_pieces import READ_ROWS, DayPieces, day_pieces
from assets.silver.purchases import rebuild_purchases
from assets.silver.silver import put_in_silver, rebuild_silver
from assets.tables import ARCHIVE, BRONZE_ARCHIVE_MONTHS, BRONZE_EVENTS, DAILY, SILVER_EVENTS, SILVER_QUARANTINE
from resources.drafts import check_reachable, drafts_in, write_draft
from resources.engine import Engine
from resources.lake import Lake
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable
from resources.prefetch import prefetched
from resources.scratch import scratch_folder
from resources.stand_in import exchange, join, stand_in, until_exchanged

ROWS_AT_ONCE = 1_000_000
"""About how many rows of bronze go to silver and gold at once; this limits the memory of a backfill."""

NOTHING = {"lines": 0, "accepted": 0, "quarantined": 0, "duplicates": 0}
"""The counts of a month that is being loaded."""

OnProgress = Callable[[str, int], object]
"""Called with the stage (`bronze`, then `silver and gold`) and the rows done since the last call."""


class LinesUnaccountedError(AssertionError):
    """A month's lines are not the sum of accepted, quarantined and duplicates."""


@dataclass(frozen=True)
class MonthLoad:
    """The result of a load: the file, the counts of lines and outcomes, and the days that it touched.

    `is_new` is False if bronze already held the lines.
    """

    file: MonthFile
    counts: dict[str, int]
    days: list[date]
    is_new: bool


def number_of(month: date) -> int:
    """The month as the partition of its lines in bronze, such as 201910."""
    return month.year * 100 + month.month


def load_month(
    lake: Lake,
    file: MonthFile,
    now: datetime,
    window_seconds: int,
    heard: OnProgress = lambda stage, rows: None,
    engine: Engine | None = None,
) -> MonthLoad:
    """Load a month's file into bronze, silver and gold; `now` becomes ingested_at.

    With an `engine`, parts of the file are cut into lines in tasks, and then its days judged; gold is computed here.

    If a user is forgotten meanwhile, the month is counted and its days are rebuilt once more, from bronze.

    Running it again changes no row: lines that bronze holds are not read again, and their days are rebuilt. After a
    kill anywhere, the next load completes the month. Raises ArchiveFileError and BrokenFileError before any line is
    written (bronze/archive_months then shows a load under way), LinesUnaccountedError before the month's counts are.
    """
    look_in_time(lake, now)
    is_new = list[bool]()
    with engine.kept() if engine else nullcontext():
        load = again_on_conflict(lambda: _load(lake, file, now, window_seconds, heard, is_new, engine))
    return replace(load, is_new=any(is_new))


def _load(
    lake: Lake,
    file: MonthFile,
    now: datetime,
    window_seconds: int,
    heard: OnProgress,
    is_new: list[bool],
    engine: Engine | None,
) -> MonthLoad:
    """Load the month, and add to `is_new` whether its lines are. Raises ConcurrentCommitError to be called again."""
    outcomes = []
    with day_pieces() as pieces:
        is_new.append(load_lines(lake, file, now, heard, pieces, engine))
        days = _days_of(lake, file.month)
        pieces.judge_named()
        groups = list(day_groups(rows_per_day(lake.table(BRONZE_EVENTS)), days, ROWS_AT_ONCE))
        with finishing(lake, days, rebuilds=1):
            if engine and days:
                outcomes.append(rebuild_silver(lake, days, engine))
                for group in groups:
                    rebuild_gold(lake, DAILY, group, window_seconds)
                heard("silver and gold", int(outcomes[0]["rows"].sum()))
            else:
                for group, outcome in prefetched((group, _refine(lake, file.month, group, pieces)) for group in groups):
                    outcomes.append(outcome)
                    rebuild_gold(lake, DAILY, group, window_seconds)
                    heard("silver and gold", int(outcome["rows"].sum()))
    ledger = lake.table(BRONZE_ARCHIVE_MONTHS)
    check_fence(lake, pieces.fence)
    counts = _counts(lake, file, pl.concat(outcomes) if outcomes else None)
    _enter(ledger, file, file.fingerprint, counts, days, now)
    return MonthLoad(file, counts, days, is_new[-1])


def _refine(lake: Lake, month: date, days: list[date], pieces: DayPieces) -> pl.DataFrame:
    """Rebuild these days of silver; from the lines just read, if bronze holds nothing else for these days."""

    def from_lines() -> pl.DataFrame | None:
        silver, bronze = lake.table(SILVER_EVENTS), lake.table(BRONZE_EVENTS)
        if bronze.fence != pieces.fence or not _holds_only(bronze, days, month, pieces.rows):
            return None
        return put_in_silver(lake, pieces, days, silver, only=days)

    refined = again_on_conflict(from_lines)
    if refined is None:
        return rebuild_silver(lake, days)
    rebuild_purchases(lake, days)
    return refined


def _holds_only(bronze: LakeTable, days: list[date], month: date, lines: Mapping[date, int]) -> bool:
    """Whether bronze holds only the month's lines on these days, as many as in `lines`; by its files' statistics."""
    held = rows_per_day(bronze)
    if any(held.get(day, 0) != lines.get(day, 0) for day in days):
        return False
    ours = {"source": ARCHIVE, "partition": number_of(month)}
    files = bronze.files().filter(pl.col("partition.event_date").is_in(days))
    return all(set(files[f"{end}.{name}"]) == {value} for name, value in ours.items() for end in ("min", "max"))


def load_lines(
    lake: Lake, file: MonthFile, now: datetime, heard: OnProgress, pieces: DayPieces, engine: Engine | None = None
) -> bool:
    """Replace the month's lines in bronze with the file's; False if bronze already holds them.

    New lines are also added to `pieces`, unless they are cut in tasks of an `engine`.
    """
    name, fingerprint = f"{ARCHIVE}/{number_of(file.month)}", int(file.fingerprint[:16], 16) >> 1

    def rows(forgotten: Mapping[str, datetime]) -> Iterator[pl.DataFrame]:
        pieces.clear()
        for lines in _rows(file, now, forgotten):
            pieces.add(lines)
            yield lines
            heard("bronze", lines.height)

    def load() -> bool:
        bronze = lake.table(BRONZE_EVENTS)
        forgotten, pieces.fence, held = forgotten_users(lake), bronze.fence, bronze.progress(name)
        if held == fingerprint:
            return False
        days = _days_of(lake, file.month)
        again_on_conflict(lambda: _enter(lake.table(BRONZE_ARCHIVE_MONTHS), file, "", NOTHING, days, now))
        if engine:
            with _cut_in_tasks(engine, lake, file, now, forgotten) as lines:
                heard("bronze", lines.rows)
                _put_lines(lake, file.month, bronze, lines, {name: fingerprint})
        elif held is None:
            bronze.append(rows(forgotten), {name: fingerprint})
        else:
            read = (lines["event_date"] for lines in _rows(file, now, forgotten))
            _replace(lake, file.month, bronze, set[date]().union(*read), rows(forgotten), {name: fingerprint})
        return True

    return again_on_conflict(load)


@contextmanager
def _cut_in_tasks(
    engine: Engine, lake: Lake, file: MonthFile, now: datetime, forgotten: Mapping[str, datetime]
) -> Iterator[LakeTable]:
    """The file's lines as a table beside bronze; deleted at the end."""
    check_reachable(lake)
    with scratch_folder("stand-in-drafts", lake.scratch) as folder:
        work = partial(cut_apart, str(folder), file, now, forgotten)
        drafts = drafts_in(folder, BRONZE_EVENTS, engine.run(work, file.parts()))
        with stand_in(lake, BRONZE_EVENTS) as lines:
            join(lines, drafts, {})
            yield lines


def cut_apart(
    folder: str,
    file: MonthFile,
    now: datetime,
    forgotten: Mapping[str, datetime],
    parts: Sequence[FilePart | None],
) -> pl.DataFrame:
    """Cut these parts of a month's file into lines, in new drafts of bronze in `folder`; returns a REPORT.

    What a task does. Raises ArchiveFileError if this machine does not see the file, LakeError if not the folder.
    """
    # Who judges a day reads it from bronze, and parses it then.
    cut = _rows if forgotten else _dated
    drafts = (write_draft(Path(folder), BRONZE_EVENTS, cut(file, now, forgotten, part)) for part in parts)
    return pl.concat(drafts)


def _put_lines(lake: Lake, month: date, bronze: LakeTable, lines: LakeTable, progress: Mapping[str, int]) -> None:
    """Replace the month's lines in bronze by these, and set `progress`.

    Raises ConcurrentCommitError if a user was forgotten since bronze was loaded, or the month loaded.
    """
    before = [bronze.progress(name) for name in progress]

    def take_in() -> bool:
        now = lake.table(BRONZE_EVENTS)
        if now.fence != bronze.fence or [now.progress(name) for name in progress] != before:
            return False
        exchange(now, lines, (), progress)
        return True

    if before == [None]:
        until_exchanged(take_in, BRONZE_EVENTS)
    else:
        _replace(lake, month, bronze, lines.days, prefetched(lines.stream(None, READ_ROWS)), progress)


def _replace(
    lake: Lake,
    month: date,
    bronze: LakeTable,
    days: Iterable[date],
    lines: Iterator[pl.DataFrame],
    progress: Mapping[str, int],
) -> None:
    touched = _days_in(bronze, month).union(days)
    _forget_refused(lake, month)
    bronze.replace(lines, f"{BRONZE_EVENTS.on_days(touched)} AND {_is_of(month)}", progress)


def _rows(
    file: MonthFile, now: datetime, forgotten: Mapping[str, datetime], part: FilePart | None = None
) -> Iterator[pl.DataFrame]:
    """The file's lines (of a part) as parsed rows of bronze, without those of forgotten users."""
    for lines in _lines(file, now, part):
        parsed = parse_lines(lines)
        dated = parsed.with_columns(event_date=_day_of(parsed, now).fill_null(file.month))
        yield without_forgotten(dated, forgotten) if forgotten else dated


def _dated(
    file: MonthFile, now: datetime, forgotten: Mapping[str, datetime], part: FilePart | None
) -> Iterator[pl.DataFrame]:
    """The same lines with the same days, of which no more than the day is read. Nobody may be forgotten."""
    for lines in _lines(file, now, part):
        yield lines.with_columns(event_date=_spelled_day(lines, now).fill_null(file.month))


def _lines(file: MonthFile, now: datetime, part: FilePart | None) -> Iterator[pl.DataFrame]:
    """The file's lines (of a part) as rows of bronze that lack their day."""
    for lines in prefetched(file.lines(part)):
        yield lines.with_columns(
            source=pl.lit(ARCHIVE),
            partition=pl.lit(number_of(file.month), pl.Int32),
            kafka_timestamp=pl.lit(None, BRONZE_EVENTS.schema["kafka_timestamp"]),
            key=pl.lit(file.header),
            ingested_at=pl.lit(now).cast(BRONZE_EVENTS.schema["ingested_at"]),
            batch=pl.lit(0, pl.Int64),
        )


def _day_of(parsed: pl.DataFrame, now: datetime) -> pl.Series:
    """The day of each line's event, even of a refused line if its time can be read; null if there is none."""
    refused = parsed["reason"].is_not_null()
    day = parsed["event_time"].dt.date().set(refused, None)
    if not refused.any():
        return day
    return day.scatter(refused.arg_true(), _spelled_day(parsed.filter(refused), now))


def _spelled_day(lines: pl.DataFrame, now: datetime) -> pl.Series:
    """The day that each line spells, of an accepted one that of its event; null if it is none of an event."""
    spelled = dates_of(lines.select("key", "value", "ingested_at", "kafka_timestamp"))
    known = spelled.is_between(EARLIEST.date(), (now + AHEAD_OF_KAFKA).date()).fill_null(value=False)
    return spelled.set(~known, None)


def _is_of(month: date) -> str:
    return f"source = '{ARCHIVE}' AND partition = {number_of(month)}"


def _forget_refused(lake: Lake, month: date) -> None:
    where = f"{SILVER_QUARANTINE.on_days([month])} AND {_is_of(month)}"

    def remove() -> None:
        quarantine = lake.table(SILVER_QUARANTINE)
        quarantine.replace(SILVER_QUARANTINE.schema.to_frame(), where, untold(quarantine, [month]))

    again_on_conflict(remove)


def _days_in(table: LakeTable, month: date) -> set[date]:
    """The days on which a table holds lines of the month, and perhaps a few more days."""
    files = table.files()
    if files.is_empty():
        return set()
    number = number_of(month)
    found = files.filter((pl.col("min.partition") <= number) & (pl.col("max.partition") >= number))
    return set(found[table.layout.file_day])


def _days_of(lake: Lake, month: date) -> list[date]:
    """The days with lines of the month, now or by the month's row in bronze/archive_months."""
    entered = lake.table(BRONZE_ARCHIVE_MONTHS).read(BRONZE_ARCHIVE_MONTHS.on_days([month]), ["days"])
    return sorted(_days_in(lake.table(BRONZE_EVENTS), month).union(*entered["days"]))


def _counts(lake: Lake, file: MonthFile, outcomes: pl.DataFrame | None) -> dict[str, int]:
    counts = {name: count for name, count in NOTHING.items() if name != "lines"}
    if outcomes is not None:
        mine = outcomes.filter(source=ARCHIVE, partition=number_of(file.month))
        counts |= dict(mine.group_by("outcome").agg(pl.col("rows").sum()).iter_rows())
    lines = _lines_held(lake, file.month)
    if sum(counts.values()) != lines:
        raise LinesUnaccountedError(f"{file.path.name}: {lines} lines, but {counts}; load the month again")
    return {"lines": lines, **counts}


def _enter(
    ledger: LakeTable, file: MonthFile, sha256: str, counts: Mapping[str, int], days: list[date], now: datetime
) -> None:
    """Write the month's row in bronze/archive_months. Without a hash it marks a load under way, and keeps its days."""
    row = {"month": file.month, "file": file.path.name, "sha256": sha256, **counts, "days": days, "ingested_at": now}
    entry = pl.DataFrame([row], schema=BRONZE_ARCHIVE_MONTHS.schema)
    ledger.replace(entry, BRONZE_ARCHIVE_MONTHS.on_days([file.month]), {})


def _lines_held(lake: Lake, month: date) -> int:
    bronze = lake.table(BRONZE_EVENTS)
    days = _days_in(bronze, month)
    if not days:
        return 0
    return bronze.read(f"{BRONZE_EVENTS.on_days(days)} AND {_is_of(month)}", ["offset"]).height
