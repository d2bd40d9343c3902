"""The shop's days and wall clock. Everything else, stored or computed, is in UTC.

A day of 23 or 25 hours, by a change of the clocks, is a day. Where clocks skip midnight, the day begins at the change;
where they strike it twice, at the first.
Add here: what depends on the time zone. Not here: which times a page shows (`times`).
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from assets.events.contract import UTC_MICROSECONDS

UTC_ZONE = ZoneInfo("UTC")


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """The shop's day in which a moment falls."""
    return moment.astimezone(zone).date()


def day_begins(day: date, zone: ZoneInfo) -> datetime:
    """When a day of the shop begins, UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def days_from(first: date, count: int, zone: ZoneInfo) -> list[datetime]:
    """When each of `count` days begins, and when the last one ends: `count` + 1 moments, UTC."""
    return [day_begins(first + timedelta(days=number), zone) for number in range(count + 1)]


def days_later(moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same wall clock so many days later, or earlier, UTC.

    A time that the clocks skip on that day is as long after the change as it is after the hour that is skipped.
    """
    if not days:
        return moment
    return (moment.astimezone(zone) + timedelta(days=days)).astimezone(UTC)


def steps(start: datetime, end: datetime, width: timedelta) -> Sequence[datetime]:
    """`start`, each step after it, and `end`."""
    count = -(-(end - start) // width)
    return [*(start + number * width for number in range(count)), end]


def said_moment(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as a page says it: 16 Nov 2026 13:00 Europe/Berlin."""
    return f"{moment.astimezone(zone):%d %b %Y %H:%M} {zone.key}"


def clock_ms(moment: datetime, zone: ZoneInfo) -> int:
    """The wall clock as milliseconds, for charts that know of no zone: those of the moment at which UTC shows it."""
    return int(moment.astimezone(zone).replace(tzinfo=UTC).timestamp() * 1_000)


def on_clocks(rows: pl.DataFrame, zone: ZoneInfo) -> pl.DataFrame:
    """The rows with their moments in a zone, as tables show them."""
    return rows.with_columns(pl.col(UTC_MICROSECONDS).dt.convert_time_zone(zone.key))
