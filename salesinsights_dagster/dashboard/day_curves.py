"""What was sold in each quarter of an hour of a day, kept for as long as the day's purchases are the same.

A closed day is read once. Of the running day, only the quarters in which new purchases fall are read again, so a look
costs the same at the end of a busy day. Add here: how a day is kept. Not here: what a page makes of it (`periods`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import polars as pl

from assets.events.contract import UTC_MICROSECONDS
from assets.progress.batch_snapshot import BatchSnapshot
from assets.progress.source_fingerprints import REBUILDS, DayRows, day_rows, rebuilds_of
from assets.tables import SILVER_PURCHASES
from assets.tables.queries import macros
from resources.duckdb_engine import duckdb_session, query
from resources.lake_table import LakeTable
from salesinsights_dagster.dashboard.dashboard_sql import dashboard_sql
from salesinsights_dagster.dashboard.shop_days import steps
from salesinsights_dagster.dashboard.spans import DAY, QUARTER

MOST_DAYS = 250
"""How many days are kept, 8 KB each: three months beside three others, and those of a forecast."""

ROWS_AT_ONCE = 500_000
"""A whole day is read in pieces of about so many purchases: 40 MB."""

MOST_RANGES = 24
"""If new purchases fall into more separate times than this, the whole day is read again."""

PURCHASE = ["event_time", "product_id", "brand", "price", "user_id", "user_session"]

_Range = tuple[datetime, datetime]


@dataclass(frozen=True)
class _Curve:
    rows: int
    newest: object
    rebuilds: int
    batch: int
    quarters: pl.DataFrame


class DayCurves:
    """Days by quarters of an hour: `bucket_start`, `revenue`, `units`, `refunds`, `orders`, `buyers`, in order.

    A quarter without a purchase row has no row. Used by one thread at a time.
    """

    def __init__(self) -> None:
        self._kept: dict[date, _Curve] = {}
        self._version: int | None = None
        self._rows: DayRows = {}
        self._first_sale: datetime | None = None

    def of(self, gold: BatchSnapshot, day: date) -> pl.DataFrame:
        """The quarters of a day. Raises LakeError if its purchases can't be read."""
        purchases = self._looked_at(gold)
        rows, newest = self._rows.get(day, (0, None))
        kept, rebuilds = self._kept.pop(day, None), rebuilds_of(purchases, day)
        if kept is None or (kept.rows, kept.newest, kept.rebuilds) != (rows, newest, rebuilds):
            grown = (
                None if kept is None or kept.rebuilds != rebuilds else _grown(purchases, day, rows, kept, gold.batch)
            )
            quarters = _whole(purchases, day, rows) if grown is None else grown
            kept = _Curve(rows, newest, rebuilds, gold.batch, quarters)
        # Days that were not asked for lately come first, and go first.
        self._kept[day] = kept
        if len(self._kept) > MOST_DAYS:
            del self._kept[next(iter(self._kept))]
        return kept.quarters

    def state(self, gold: BatchSnapshot, first: date, last: date) -> tuple[object, ...]:
        """Something that moves whenever the purchases of these days do."""
        purchases = self._looked_at(gold)
        rows = [self._rows.get(first + number * DAY) for number in range((last - first).days + 1)]
        return (*rows, purchases.progress(REBUILDS))

    def first_sale(self, gold: BatchSnapshot) -> datetime | None:
        """The time of the oldest purchase in the lake; None if there is none."""
        self._looked_at(gold)
        return self._first_sale

    def days(self, gold: BatchSnapshot) -> DayRows:
        """The days that have purchases."""
        self._looked_at(gold)
        return self._rows

    def _looked_at(self, gold: BatchSnapshot) -> LakeTable:
        purchases = gold.table(SILVER_PURCHASES)
        if purchases.version != self._version:
            files = purchases.files()
            first = files["min.event_time"].min() if files.height else None
            self._first_sale = first.astimezone(UTC) if isinstance(first, datetime) else None
            self._rows, self._version = day_rows(purchases), purchases.version
        return purchases


def purchases_between(purchases: LakeTable, ranges: Sequence[_Range], only: str | None = None) -> pl.DataFrame:
    """The purchase rows of these times, each [first, end), for which the SQL predicate `only` holds: PURCHASE."""
    wanted = " OR ".join(
        f"(event_date >= DATE '{first.date()}' AND event_date <= DATE '{end.date()}' "
        f"AND event_time >= {utc_literal(first)} AND event_time < {utc_literal(end)})"
        for first, end in ranges
    )
    return purchases.read(f"({wanted}) AND ({only})" if only else wanted, PURCHASE)


def by_bucket(rows: pl.DataFrame, edges: Sequence[datetime]) -> pl.DataFrame:
    """What was sold in buckets of time: the columns of `DayCurves`."""
    with duckdb_session({"purchases": in_buckets(rows, edges, "event_time")}, macros=macros()) as connection:
        return query(connection, dashboard_sql("by_bucket"))


def in_buckets(rows: pl.DataFrame, edges: Sequence[datetime], moment: str) -> pl.DataFrame:
    """The rows with `bucket_start`: the last of the edges that is not after the column `moment`."""
    starts = pl.Series(edges[:-1], dtype=UTC_MICROSECONDS)
    return rows.with_columns(starts.gather(starts.search_sorted(rows[moment], "right") - 1).alias("bucket_start"))


def quarter_of(moment: datetime) -> datetime:
    """When the moment's quarter of an hour began."""
    return moment - timedelta(minutes=moment.minute % 15, seconds=moment.second, microseconds=moment.microsecond)


def utc_literal(moment: datetime) -> str:
    """A moment in a predicate of `LakeTable.read`."""
    return f"TIMESTAMP '{moment:%Y-%m-%dT%H:%M:%S.%fZ}'"


def _begin(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _quarters(day: date) -> Sequence[datetime]:
    return steps(_begin(day), _begin(day) + DAY, QUARTER)


def _whole(purchases: LakeTable, day: date, rows: int) -> pl.DataFrame:
    """All quarters of a day, in pieces of whole hours."""
    pieces = min(24, rows // ROWS_AT_ONCE + 1)
    cuts = [_begin(day) + timedelta(hours=24 * number // pieces) for number in range(pieces + 1)]
    frames = (by_bucket(purchases_between(purchases, [piece]), _quarters(day)) for piece in pairwise(cuts))
    return pl.concat(frames)


def _grown(purchases: LakeTable, day: date, rows: int, kept: _Curve, batch: int) -> pl.DataFrame | None:
    """The kept quarters, those with new purchases read again; None if new batches do not explain all new rows."""
    new = f"event_date = DATE '{day}' AND batch > {kept.batch} AND batch <= {batch}"
    times = purchases.read(new, ["event_time"]).to_series()
    if len(times) != rows - kept.rows:
        return None
    ranges = list[_Range]()
    for quarter in times.dt.truncate("15m").unique().sort():
        if ranges and ranges[-1][1] == quarter:
            ranges[-1] = ranges[-1][0], quarter + QUARTER
        else:
            ranges.append((quarter, quarter + QUARTER))
    if not ranges or len(ranges) > MOST_RANGES:
        return None if ranges else kept.quarters
    again = by_bucket(purchases_between(purchases, ranges), _quarters(day))
    left = kept.quarters.filter(~pl.col("bucket_start").is_in(again["bucket_start"].implode()))
    return pl.concat([left, again]).sort("bucket_start")
