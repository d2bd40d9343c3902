"""Judges days of bronze piece by piece, so that a day of any size needs only the memory of one piece.

Duplicates without an event_id share their event_time, so pieces of time hold all of them and keep silver's order.
Messages with the same event_id may differ in everything else, so they are judged first, in pieces of event_ids.

Add here: how rows of bronze meet their duplicates. Not here: which of two messages is kept (`duplicates`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl

from assets.bronze.avro_schemas import schemas_of
from assets.events.avro_decoder import Schemas
from assets.events.contract import NONE_ADDED, AddedFields
from assets.events.csv_line_parser import parse_lines
from assets.events.message_parser import parse_events
from assets.silver.duplicates import judge_duplicates
from assets.tables import ARCHIVE, BRONZE_EVENTS, SILVER_EVENTS
from resources.lake_table import LakeTable
from resources.scratch import scratch_folder
from resources.sorted_runs import KEY, SortedRuns

ROWS_AT_ONCE = 500_000
"""About how many rows are judged at once. Fewer need no temporary file; more need no more memory."""

READ_ROWS = 250_000
"""Rows of bronze that are parsed at once."""

ARRIVAL = ("batch", "partition", "offset")
"""The order of arrival. Lines of the archive are batch 0, so they come before all messages."""

DAY = 86_400
"""In seconds."""

_NAMES = 4_096
"""How many groups event_ids are divided into; a piece holds some of the groups."""

JUDGED = pl.Schema(
    {**SILVER_EVENTS.schema, "value": pl.Binary(), "reason": pl.String(), "detail": pl.String(), "outcome": pl.String()}
)
"""A row of bronze and its `outcome`. Only refused rows have value, reason and detail."""

_KEPT = (*SILVER_EVENTS.schema, "is_duplicate")


class DayPieces:
    """Takes in parsed rows of bronze in any order, then returns the refused rows and the others with their outcome."""

    def __init__(self, folder: Path, rows_at_once: int) -> None:
        self._folder, self._rows_at_once = folder, rows_at_once
        self.fence = 0
        """Bronze's fence when the rows were read, to be set by whoever adds them."""
        self.clear()

    def clear(self) -> None:
        """Drop all rows."""
        self.rows = Counter[date]()
        """How many rows were added, per day of bronze."""
        self._unjudged, self._refused, self._by_time = (
            SortedRuns(self._folder, name, self._rows_at_once) for name in ("named", "refused", "by-time")
        )

    def add(self, parsed: pl.DataFrame) -> None:
        """Add parsed rows of bronze."""
        self.rows.update(dict(parsed.group_by("event_date").len().iter_rows()))
        refused, named = pl.col("reason").is_not_null(), pl.col("event_id").is_not_null()
        if parsed["reason"].null_count() < parsed.height:
            self._refuse(parsed.filter(refused))
            parsed = parsed.filter(~refused)
        if parsed["event_id"].null_count() < parsed.height:
            group = pl.col("event_id").hash() % _NAMES
            self._unjudged.add(parsed.filter(named).with_columns(group.cast(pl.Int64).alias(KEY)))
            parsed = parsed.filter(~named)
        self._keep(parsed.with_columns(is_duplicate=pl.lit(None, pl.Boolean)))

    def _refuse(self, rows: pl.DataFrame) -> None:
        day = pl.col("event_date").cast(pl.Int64) * DAY
        judged = rows.with_columns((day + pl.col("offset") % DAY).alias(KEY), outcome=pl.lit("quarantined"))
        self._refused.add(judged.select(KEY, *JUDGED))

    def _keep(self, rows: pl.DataFrame) -> None:
        self._by_time.add(rows.select(_KEPT).with_columns(pl.col("event_time").dt.epoch("s").alias(KEY)))

    def judge_named(self) -> None:
        """Find the duplicates among rows with an event_id. Call it once, after all rows are added."""
        for piece in self._unjudged.pieces():
            events = piece.drop(KEY).sort(ARRIVAL)
            judged = judge_duplicates(events, events.clear())
            self._refuse(judged.filter(pl.col("reason").is_not_null()).drop("is_duplicate"))
            self._keep(judged.filter(pl.col("reason").is_null()))

    def refused(self, days: Sequence[date] = ()) -> Iterator[pl.DataFrame]:
        """Refused rows as JUDGED: those that break the contract, and conflicting duplicates of an event_id.

        With `days`, only those of these days of bronze.
        """
        return (piece.drop(KEY) for piece in self._refused.pieces(*_span(days)))

    def judged(self, days: Sequence[date] = ()) -> Iterator[pl.DataFrame]:
        """The other rows with silver's columns and their `outcome`, `accepted` or `duplicates`.

        Pieces come in the order of time, rows within a piece in the order of arrival. With `days`, only rows with an
        event_time on these days.
        """
        return (_judged(piece) for piece in self._by_time.pieces(*_span(days)))


def _span(days: Sequence[date]) -> tuple[int | None, int | None]:
    """The first and the last key of these consecutive days."""
    ends = [(day - date(1970, 1, 1)).days * DAY for day in (min(days), max(days))] if days else []
    return (ends[0], ends[1] + DAY - 1) if days else (None, None)


def _judged(piece: pl.DataFrame) -> pl.DataFrame:
    events = _by_arrival(piece.drop(KEY))
    known = events.filter(pl.col("is_duplicate").is_not_null())
    unnamed = (events if known.is_empty() else events.filter(pl.col("is_duplicate").is_null())).drop("is_duplicate")
    accepted = unnamed.with_columns(reason=pl.lit(None, pl.String), detail=pl.lit(None, pl.String))
    judged = judge_duplicates(accepted, accepted.clear()).drop("reason", "detail")
    both = judged if known.is_empty() else pl.concat([judged.select(known.columns), known]).sort(ARRIVAL)
    fate = pl.when("is_duplicate").then(pl.lit("duplicates")).otherwise(pl.lit("accepted"))
    return both.with_columns(outcome=fate).drop("is_duplicate")


def _by_arrival(rows: pl.DataFrame) -> pl.DataFrame:
    one_source = rows["batch"].min() == rows["batch"].max() and rows["partition"].min() == rows["partition"].max()
    return rows if one_source and rows["offset"].is_sorted() else rows.sort(ARRIVAL)


@contextmanager
def day_pieces(rows_at_once: int | None = None) -> Iterator[DayPieces]:
    """Empty pieces. Their temporary files lie in a folder that is deleted at the end."""
    with scratch_folder("salesinsights-days") as folder:
        yield DayPieces(folder, rows_at_once or ROWS_AT_ONCE)


@contextmanager
def pieces_of(bronze: LakeTable, days: Sequence[date], last: int, added: AddedFields) -> Iterator[DayPieces]:
    """All rows of bronze of these days, up to batch `last`, judged from these rows alone.

    A line of the archive comes before every message, whenever it was loaded. So which of two duplicates is kept does
    not depend on the order of loading. `added` are silver's `added_fields`.
    """
    schemas = schemas_of(bronze)
    with day_pieces() as pieces:
        pieces.fence = bronze.fence
        for rows in bronze.stream(f"{BRONZE_EVENTS.on_days(days)} AND batch <= {last}", READ_ROWS):
            pieces.add(_at_home(parse_bronze(rows, schemas, added)))
        pieces.judge_named()
        yield pieces


def judged_in(
    pieces: DayPieces,
    refuse: Callable[[pl.DataFrame], object],
    accept: Callable[[Iterator[pl.DataFrame]], object],
    only: Sequence[date] = (),
) -> pl.DataFrame:
    """Hand the refused rows to `refuse`, piece by piece, then the accepted ones to `accept`, once, as they come.

    Returns the rows per source, partition and outcome. `only` limits the pieces to these days.
    """
    counted = [_counts(JUDGED.to_frame())]

    def accepted() -> Iterator[pl.DataFrame]:
        for rows in pieces.judged(only):
            counted.append(_counts(rows))
            yield rows.filter(outcome="accepted")

    for rows in pieces.refused(only):
        counted.append(_counts(rows))
        refuse(rows)
    accept(accepted())
    return added_counts(counted)


def _counts(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("source", "partition", "outcome").agg(rows=pl.len())


def added_counts(counted: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Counts of several pieces, as one."""
    return pl.concat(counted).group_by("source", "partition", "outcome").agg(pl.col("rows").sum())


def _at_home(parsed: pl.DataFrame) -> pl.DataFrame:
    """Without the rows that a new rule lets pass: refused until a replay moves them to the day of their event."""
    is_away = (pl.col("event_time").dt.date() != pl.col("event_date")) & pl.col("reason").is_null()
    return parsed.filter(~is_away.fill_null(value=False))


def judge_days(bronze: LakeTable, days: Sequence[date], last: int, added: AddedFields = NONE_ADDED) -> pl.DataFrame:
    """All rows of bronze of these days as JUDGED, in one frame. For days that fit in memory."""
    with pieces_of(bronze, days, last, added) as pieces:
        return pl.concat([JUDGED.to_frame(), *pieces.judged(), *pieces.refused()], how="diagonal")


def parse_bronze(rows: pl.DataFrame, schemas: Schemas, added: AddedFields = NONE_ADDED) -> pl.DataFrame:
    """Parse rows of bronze: lines of the archive first, then messages, each in their order.

    `schemas` are the Avro schemas that bronze keeps, `added` silver's `added_fields`.
    """
    from_archive = pl.col("source") == ARCHIVE
    lines, messages = rows.filter(from_archive), rows.filter(~from_archive)
    return pl.concat([parse_lines(lines, added), parse_events(messages, schemas, added)])
