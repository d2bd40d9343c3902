"""Who is in the shop now: visitors, what lies in their carts, and what they bought in the last minutes.

Counted from silver's events. What still counts of the last hour is kept; a look reads only what new batches brought, so
it costs the same at the end of a busy day. Add here: a figure about the last minutes. Not here: spans of sales
(`figures`), carts of past days (`assets.visitors`).
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import polars as pl

from assets.events.contract import UTC_MICROSECONDS
from assets.progress.batches import batch_of
from assets.progress.source_fingerprints import DayRows, day_rows, rebuilds_of
from assets.tables import SILVER_EVENTS
from resources.lake import Lake
from resources.lake_table import LakeTable
from salesinsights_dagster.dashboard.day_curves import utc_literal
from salesinsights_dagster.dashboard.spans import DAY, HOUR

MINUTES = (5, 60)
"""The spans that are counted, up to now. The longest is an hour."""

EVERY = timedelta(seconds=10)
"""At least so long the figures are shown, however many ask."""

RESTS = 25
"""And so many times as long as it took to count them: 4 % of the time is spent on it. With 1,000 events/s that is
within EVERY."""

LONGEST = timedelta(seconds=45)
"""But no longer."""

STALE = timedelta(minutes=1)
"""So long they are shown while they are being counted again."""

MOST_NEW = 1_000_000
"""If batches brought more events than this since the last look, the last hour is read again: that may be less."""

ROWS_AT_ONCE = 500_000
"""The last hour is read in pieces of about so many events: 30 MB."""

_COUNTED = ["event_time", "event_type", "product_id", "price", "user_id"]
_KINDS = {name: SILVER_EVENTS.schema[name] for name in _COUNTED}
_ROW = {**_KINDS, "price": pl.Int64()}
_ITEM = ["user_id", "product_id"]


@dataclass(frozen=True)
class _LastHour:
    """What may count of the last hour, whatever the order in which the events came.

    - `visits`: for each user, the last event (user_id, event_time); `bought`: purchases (user_id, event_time, price).
    - `carts`: what was put into carts and nothing took out since (_ITEM, event_time, price).
    - `outs`: when items were taken out (_ITEM, event_time).
    - `later`: rows of _ROW whose time has not come: a shop's clock may be ahead.

    Prices are in cents: sums and groups of decimals take five times as long.
    """

    visits: pl.DataFrame
    bought: pl.DataFrame
    carts: pl.DataFrame
    outs: pl.DataFrame
    later: pl.DataFrame

    def with_more(self, events: pl.DataFrame, since: datetime, now: datetime) -> "_LastHour":
        """With new events, and without what is not of (since, now]. Costs little for few new events."""
        cents = (pl.col("price") * 100).cast(pl.Int64)
        events = pl.concat([self.later, events.select(_COUNTED).with_columns(cents)])
        due = events.filter(pl.col("event_time") <= now)
        kind, is_recent = pl.col("event_type"), pl.col("event_time") > since
        is_sold = (kind == "purchase") & (pl.col("price") >= 0)
        parts = (
            (self.visits, due),
            (self.bought, due.filter(kind == "purchase")),
            (self.carts, due.filter(kind == "cart")),
            (self.outs, due.filter((kind == "remove_from_cart") | is_sold)),
        )
        kept = (pl.concat([held, more.select(held.columns)]).filter(is_recent) for held, more in parts)
        visits, bought, carts, outs = kept
        # Only these users' carts may have changed.
        users = pl.concat([more["user_id"] for _, more in parts[2:]]).unique().implode()
        is_theirs = pl.col("user_id").is_in(users)
        theirs = _not_taken_out(carts.filter(is_theirs), outs.filter(is_theirs))
        return _LastHour(
            visits.group_by("user_id").agg(pl.col("event_time").max()),
            bought,
            pl.concat([carts.filter(~is_theirs), theirs]),
            outs,
            events.filter(pl.col("event_time") > now),
        )

    def during(self, since: datetime) -> dict[str, object]:
        """The figures from a moment of the hour on, by name."""
        is_recent = pl.col("event_time") > since
        visitors = self.visits.select(is_recent.sum()).item()
        items, bought = _items(self.carts.filter(is_recent)), self.bought.filter(is_recent)
        sold = bought.filter(pl.col("price") >= 0)
        buyers = sold["user_id"].n_unique()
        return {
            "visitors": visitors,
            "visitors_with_cart": items["user_id"].n_unique(),
            "cart_value": _money(items["value"]),
            "buyers": buyers,
            "units": sold.height,
            "revenue": _money(bought["price"]),
            "conversion": round(100 * buyers / visitors, 2) if visitors else None,
        }


def _money(cents: pl.Series) -> Decimal:
    return Decimal(int(cents.sum())).scaleb(-2)


def _empty(*names: str) -> pl.DataFrame:
    return pl.DataFrame(schema={name: _ROW[name] for name in names})


_NOTHING = _LastHour(
    _empty("user_id", "event_time"),
    _empty("user_id", "event_time", "price"),
    _empty(*_ITEM, "event_time", "price"),
    _empty(*_ITEM, "event_time"),
    _empty(*_COUNTED),
)

_FIGURES = pl.Schema(
    {
        "minutes": pl.Int64(),
        "since": UTC_MICROSECONDS,
        "until": UTC_MICROSECONDS,
        **dict.fromkeys(("visitors", "visitors_with_cart"), pl.Int64()),
        "cart_value": pl.Decimal(18, 2),
        **dict.fromkeys(("buyers", "units"), pl.Int64()),
        "revenue": pl.Decimal(18, 2),
        "conversion": pl.Float64(),
    }
)


def _not_taken_out(carts: pl.DataFrame, outs: pl.DataFrame) -> pl.DataFrame:
    """What was put in after it was last taken out. In the same second, taking out comes after, as in left carts."""
    last = outs.group_by(_ITEM).agg(pl.col("event_time").max().alias("out_at"))
    is_left = pl.col("out_at").is_null() | (pl.col("event_time") > pl.col("out_at"))
    return carts.join(last, on=_ITEM, how="left").filter(is_left).drop("out_at")


def _items(carts: pl.DataFrame) -> pl.DataFrame:
    """For each item the user and its value: how often it was put in, times its price when it was last put in."""
    price = pl.col("price")
    items = carts.group_by(_ITEM).agg(pl.len().alias("times"), price.min().alias("low"), price.max())
    is_plain = pl.col("low") == pl.col("price")
    moved = carts.join(items.filter(~is_plain), on=_ITEM, how="semi").sort("event_time", "price")
    last = moved.group_by(_ITEM, maintain_order=True).agg(pl.len().alias("times"), price.last())
    priced = pl.concat([items.filter(is_plain).drop("low"), last])
    return priced.select("user_id", (pl.col("times").cast(pl.Int64) * price).alias("value"))


@dataclass(frozen=True)
class _Seen:
    """What was read up to a batch: the table's rows by day, and how often these days had been rebuilt."""

    batch: int
    version: int
    rows: DayRows
    rebuilds: dict[date, int]
    at: datetime
    hour: _LastHour


class LiveNow:
    """The last minutes of a lake, counted once for all who ask. Any thread may ask."""

    def __init__(self) -> None:
        self._seen: _Seen | None = None
        self._counted: tuple[datetime, pl.DataFrame] | None = None
        self._shown_for = EVERY
        self._counting = threading.Lock()

    def figures(self, lake: Lake, now: datetime, *, wait: bool = True) -> pl.DataFrame | None:
        """A row for each of MINUTES: _FIGURES. Raises LakeError if the events can't be read.

        Events of (since, until] count, by their event_time. `visitors_with_cart` have something in a cart that they put
        there then, and `cart_value` is what; `conversion` is the buyers per 100 visitors, null without a visitor. While
        another thread counts, who does not `wait` gets the last figures, or None if they are old.
        """
        if not self._counting.acquire(blocking=wait):
            return self._known(now, STALE)
        try:
            known = self._known(now, self._shown_for)
            if known is None:
                begun = time.perf_counter()
                known = self._count(lake.table(SILVER_EVENTS), now)
                took = timedelta(seconds=time.perf_counter() - begun)
                self._shown_for = min(max(EVERY, RESTS * took), LONGEST)
                self._counted = now, known
            return known
        finally:
            self._counting.release()

    def _known(self, now: datetime, age: timedelta) -> pl.DataFrame | None:
        """The last figures, if they are not so old."""
        counted = self._counted
        return counted[1] if counted is not None and timedelta() <= now - counted[0] < age else None

    def _count(self, events: LakeTable, now: datetime) -> pl.DataFrame:
        self._seen = _looked_at(events, now, self._seen)
        rows = [
            {"minutes": minutes, "since": since, "until": now, **self._seen.hour.during(since)}
            for minutes, since in ((minutes, now - timedelta(minutes=minutes)) for minutes in MINUTES)
        ]
        return pl.DataFrame(rows, schema=_FIGURES)


def _looked_at(events: LakeTable, now: datetime, seen: _Seen | None) -> _Seen:
    since, batch = now - HOUR, batch_of(events)
    if seen is not None and seen.version == events.version and seen.at <= now:
        return replace(seen, at=now, hour=seen.hour.with_more(pl.DataFrame(schema=_KINDS), since, now))
    days = [since.date() + number * DAY for number in range(((now + DAY).date() - since.date()).days + 1)]
    rows, rebuilds = day_rows(events), {day: rebuilds_of(events, day) for day in days}
    new = None if seen is None else _new_events(events, days, batch, rows, rebuilds, seen, now)
    if seen is not None and new is not None:
        hour = seen.hour.with_more(new, since, now)
    else:
        hour = _NOTHING
        for piece in _whole_hour(events, days, since):
            hour = hour.with_more(piece, since, now)
    return _Seen(batch, events.version, rows, rebuilds, now, hour)


def _new_events(
    events: LakeTable,
    days: list[date],
    batch: int,
    rows: DayRows,
    rebuilds: dict[date, int],
    seen: _Seen,
    now: datetime,
) -> pl.DataFrame | None:
    """What batches brought since; None if they do not explain all rows, or are many."""
    is_rebuilt = any(seen.rebuilds.get(day, count) != count for day, count in rebuilds.items())
    grown = sum(rows.get(day, (0, None))[0] - seen.rows.get(day, (0, None))[0] for day in days)
    # What has left the hour is not kept: it can't be counted at an earlier moment.
    if is_rebuilt or not 0 <= grown <= MOST_NEW or now < seen.at:
        return None
    new = events.read(f"{events.layout.on_days(days)} AND batch > {seen.batch} AND batch <= {batch}", _COUNTED)
    return new if new.height == grown else None


def _whole_hour(events: LakeTable, days: list[date], since: datetime) -> Iterator[pl.DataFrame]:
    recent = f"{events.layout.on_days(days)} AND event_time > {utc_literal(since)}"
    return events.stream(recent, ROWS_AT_ONCE, _COUNTED)
