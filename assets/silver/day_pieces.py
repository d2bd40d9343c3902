"""Days of bronze judged piece by piece, so that a day of any size needs the memory of a piece.

Copies of an event without an event_id have its event_time, so pieces of time hold all of them, and leave for silver in
its order. Those with an event_id may differ in anything else: they are judged by pieces of event_ids first.

Add here: how rows of bronze meet their copies. Not here: which of two copies is kept (`duplicates`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl

from assets.bronze.avro_schemas import schemas_of
from assets.events.avro_decoder import Schemas
from assets.events.csv_line_parser import parse_lines
from assets.events.message_parser import parse_events
from assets.silver.duplicates import judge_duplicates
from assets.tables import ARCHIVE, BRONZE_EVENTS, SILVER_EVENTS
from resources.lake_table import LakeTable
from resources.scratch import scratch_folder
from resources.sorted_runs import KEY, SortedRuns

ROWS_AT_ONCE = 500_000
"""About so many rows are judged at once: fewer never touch a temporary file, more take the memory of so many."""

READ_ROWS = 250_000
"""Rows of bronze that are parsed at once."""

ARRIVAL = ("batch", "partition", "offset")
"""The order in which rows came; lines of the archive are batch 0, and so before all messages."""

DAY = 86_400
"""Seconds."""

_NAMES = 4_096
"""Into so many groups event_ids are divided; a piece is some of them."""

JUDGED = pl.Schema(
    {**SILVER_EVENTS.schema, "value": pl.Binary(), "reason": pl.String(), "detail": pl.String(), "outcome": pl.String()}
)
"""A row of bronze and its `outcome`; value, reason and detail are those of refused rows alone."""

_KEPT = (*SILVER_EVENTS.schema, "is_duplicate")


class DayPieces:
    """Parsed rows of bronze, taken in as they come; then those that are refused, and the others with their outcome."""

    def __init__(self, folder: Path, rows_at_once: int) -> None:
        self._folder, self._rows_at_once = folder, rows_at_once
        self.clear()

    def clear(self) -> None:
        """Be empty, as at the start."""
        self.rows = Counter[date]()
        """How many rows were taken in of each day of bronze."""
        self._unjudged, self._refused, self._by_time = (
            SortedRuns(self._folder, name, self._rows_at_once) for name in ("named", "refused", "by-time")
        )

    def add(self, parsed: pl.DataFrame) -> None:
        """Take in rows of bronze with what the contract says of them."""
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
        """Tell the copies among the rows with an event_id, once all rows are in."""
        for piece in self._unjudged.pieces():
            events = piece.drop(KEY).sort(ARRIVAL)
            judged = judge_duplicates(events, events.clear())
            self._refuse(judged.filter(pl.col("reason").is_not_null()).drop("is_duplicate"))
            self._keep(judged.filter(pl.col("reason").is_null()))

    def refused(self, days: Sequence[date] = ()) -> Iterator[pl.DataFrame]:
        """The rows that the contract refuses, and those that contradict another of their event_id, as JUDGED.

        Those of these days of bronze alone, where there are any.
        """
        return (piece.drop(KEY) for piece in self._refused.pieces(*_span(days)))

    def judged(self, days: Sequence[date] = ()) -> Iterator[pl.DataFrame]:
        """The other rows by time, as silver has them, with `outcome`: `accepted` or `duplicates`.

        Those with an event_time on these days alone, where there are any; in the order of arrival within a piece.
        """
        return (_judged(piece) for piece in self._by_time.pieces(*_span(days)))


def _span(days: Sequence[date]) -> tuple[int | None, int | None]:
    """The first and the last key of these days, which follow each other."""
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
    """Pieces to be filled; what they put aside lies in a temporary folder that is gone afterwards."""
    with scratch_folder("salesinsights-days") as folder:
        yield DayPieces(folder, rows_at_once or ROWS_AT_ONCE)


@contextmanager
def pieces_of(bronze: LakeTable, days: Sequence[date], last: int) -> Iterator[DayPieces]:
    """All rows of bronze of these days, up to batch `last`, judged as if they had come alone.

    An archive's line comes before every message, whenever it was loaded: which of two copies is kept must not depend
    on the order of loading.
    """
    schemas = schemas_of(bronze)
    with day_pieces() as pieces:
        for rows in bronze.stream(f"{BRONZE_EVENTS.on_days(days)} AND batch <= {last}", READ_ROWS):
            pieces.add(parse_bronze(rows, schemas))
        pieces.judge_named()
        yield pieces


def judge_days(bronze: LakeTable, days: Sequence[date], last: int) -> pl.DataFrame:
    """All rows of bronze of these days with their `outcome`, as JUDGED, in one frame: for days that fit in memory."""
    with pieces_of(bronze, days, last) as pieces:
        return pl.concat([JUDGED.to_frame(), *pieces.judged(), *pieces.refused()], how="diagonal")


def parse_bronze(rows: pl.DataFrame, schemas: Schemas) -> pl.DataFrame:
    """Rows of bronze read by the contract, each by the rules of its kind; lines of the archive first, else in order.

    `schemas` are those that bronze keeps.
    """
    from_archive = pl.col("source") == ARCHIVE
    return pl.concat([parse_lines(rows.filter(from_archive)), parse_events(rows.filter(~from_archive), schemas)])


def silver_days(bronze: LakeTable, days: Sequence[date], last: int) -> pl.DataFrame:
    """What silver should hold of these days, computed from bronze up to batch `last` alone."""
    names = SILVER_EVENTS.schema.names()
    with pieces_of(bronze, days, last) as pieces:
        frames = [piece.filter(outcome="accepted").select(names) for piece in pieces.judged()]
    return pl.concat([SILVER_EVENTS.schema.to_frame(), *frames])
