"""Ranges of time around some events, as predicates, so that a query reads less than the whole day.

A batch covers half a minute, but a few of its events are late: one range from the first to the last would cover hours.
Add here: how ranges are cut, or written as predicates. Not here: who uses them.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import polars as pl

from assets.events.contract import UTC_MICROSECONDS

MOST_SPANS = 32
LEAST_SILENCE = timedelta(minutes=1)
"""Limits on how finely a day is cut: each range costs a read of the files that overlap it."""

SPANS = pl.Schema({"event_date": pl.Date(), "first": UTC_MICROSECONDS, "end": UTC_MICROSECONDS})
"""A range of time [first, end) on a day."""

_TICK = timedelta(microseconds=1)


def spans_of(events: pl.DataFrame) -> pl.DataFrame:
    """Rows of SPANS that cover the events (`event_date`, `event_time`), cut at the longest silences of each day."""
    # No cut is within a second, so that seconds are cut in place of events: there are fewer.
    time = pl.col("event_time")
    grouped = events.group_by("event_date", time.dt.epoch("s").alias("_second"))
    seconds = grouped.agg(first=time.min(), last=time.max()).sort("event_date", "first")
    silence = (pl.col("first") - pl.col("last").shift()).over("event_date")
    is_cut = (silence >= LEAST_SILENCE) & (silence.rank("ordinal", descending=True).over("event_date") < MOST_SPANS)
    number = is_cut.fill_null(value=False).cum_sum().over("event_date")
    cut = seconds.group_by("event_date", number.alias("_span"))
    found = cut.agg(pl.col("first").min(), end=pl.col("last").max() + _TICK)
    return found.select(SPANS.names()).sort("first")


def spans_of_days(days: Iterable[date]) -> pl.DataFrame:
    """Rows of SPANS that cover whole days."""
    midnight = pl.col("event_date").cast(UTC_MICROSECONDS)
    listed = pl.DataFrame({"event_date": sorted(days)}, schema={"event_date": pl.Date})
    return listed.with_columns(first=midnight, end=midnight + timedelta(days=1))


def in_whole_windows(spans: pl.DataFrame, window_seconds: int) -> pl.DataFrame:
    """The spans widened to whole windows, counted from midnight, and merged where they then overlap."""
    midnight = pl.col("event_date").cast(UTC_MICROSECONDS)
    first, last = ((moment - midnight).dt.total_seconds() for moment in (pl.col("first"), pl.col("end") - _TICK))
    widened = spans.with_columns(
        first=midnight + pl.duration(seconds=first // window_seconds * window_seconds),
        end=midnight + pl.duration(seconds=(last // window_seconds + 1) * window_seconds),
    ).sort("event_date", "first")
    reached = pl.col("end").cum_max().shift(1).over("event_date")
    number = (pl.col("first") > reached).fill_null(value=True).cum_sum()
    joined = widened.group_by("event_date", number.alias("_span")).agg(pl.col("first").min(), pl.col("end").max())
    return joined.select(SPANS.names()).sort("first")


def within(spans: pl.DataFrame, column: str) -> str:
    """The predicate that `column` lies in one of the spans; `false` if there are none."""
    return " OR ".join(_within(column, *span) for span in spans.iter_rows()) or "false"


def _within(column: str, day: date, first: datetime, end: datetime) -> str:
    return f"(event_date = DATE '{day}' AND {column} >= {literal(first)} AND {column} < {literal(end)})"


def literal(time: datetime) -> str:
    """A time in a predicate, of the column's own type: with any other, file statistics rule out no files."""
    return f"""arrow_cast('{time:%Y-%m-%dT%H:%M:%S.%fZ}', 'Timestamp(Microsecond, Some("UTC"))')"""


def is_within(spans: pl.DataFrame, column: str) -> pl.Expr:
    """Whether `column` of a row lies in one of the spans."""
    moments = spans.select("first", "end").iter_rows()
    inside = (pl.col(column).is_between(first, end, closed="left") for first, end in moments)
    return pl.any_horizontal(pl.lit(False), *inside)
