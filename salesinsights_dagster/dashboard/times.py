"""When a view begins and ends, in buckets, and when the time that it is compared with does.

Add here: how a span becomes moments. Not here: which spans there are (`spans`), what was sold then (`sales`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from salesinsights_dagster.dashboard.free_range import FreeRange
from salesinsights_dagster.dashboard.shop_days import day_of, days_from, days_later, steps
from salesinsights_dagster.dashboard.spans import DAY, MINUTE, QUARTER, midnight_of
from salesinsights_dagster.dashboard.view import View


@dataclass(frozen=True)
class Times:
    """`edges` are the starts of the buckets and the end of the last one; `other_edges` those of the other time, of
    which the totals are counted until `other_until`. All UTC."""

    edges: Sequence[datetime]
    other_edges: Sequence[datetime]
    other_until: datetime
    later: Callable[[datetime], datetime]
    """From a moment of the other time to the same one of this time."""

    @property
    def start(self) -> datetime:
        return self.edges[0]

    @property
    def end(self) -> datetime:
        return self.edges[-1]

    @property
    def by_day(self) -> bool:
        """Whether a bucket is a day, not a quarter of an hour or a window."""
        return are_days(self.edges)


def are_days(edges: Sequence[datetime]) -> bool:
    """Whether these are the edges of days, of which the first and the last may be cut."""
    return edges[-1] - edges[0] > (len(edges) - 1) * QUARTER


def times_of(view: View, now: datetime, window_seconds: int) -> Times:
    """The times of a view whose span ends now."""
    span, ago, minute = view.shown, view.comparison.ago, now - (now - midnight_of(now)) % MINUTE
    if not span.days:
        windows = last_hour(now, window_seconds)
        if ago is None:
            hour = windows[-1] - windows[0]
            return Times(windows, [start - hour for start in windows], minute - hour, lambda moment: moment + hour)
        first = days_later(windows[0], -ago.days, view.tz)
        then = [first + (start - windows[0]) for start in windows]
        return Times(windows, then, days_later(minute, -ago.days, view.tz), _later(ago.days, view.tz))
    if view.range is not None:
        return _of_range(view.range, view.tz, minute, (ago or span.days * DAY).days)
    days = span.days if ago is None else ago.days
    first_day = day_of(now, view.tz) - timedelta(days=span.days - 1)
    edges = _in_buckets(days_from(first_day, span.days, view.tz))
    others = _in_buckets(days_from(first_day - timedelta(days=days), span.days, view.tz))
    return Times(edges, others, days_later(minute, -days, view.tz), _later(days, view.tz))


def last_hour(now: datetime, window_seconds: int) -> Sequence[datetime]:
    """The windows of product_sales that an hour has, the running one last."""
    window, midnight = timedelta(seconds=window_seconds), midnight_of(now)
    count = timedelta(hours=1) // window
    end = midnight + ((now - midnight) // window + 1) * window
    return steps(end - count * window, end, window)


def _of_range(chosen: FreeRange, zone: ZoneInfo, minute: datetime, days: int) -> Times:
    edges, others = (_edges(chosen, zone, ago) for ago in (0, days))
    until = min(max(minute, edges[0]), edges[-1])
    return Times(edges, others, min(days_later(until, -days, zone), others[-1]), _later(days, zone))


def _edges(chosen: FreeRange, zone: ZoneInfo, days: int) -> Sequence[datetime]:
    """So many days before a range: up to two days by quarters of an hour, more of them by day."""
    start, end = ((wall - days * DAY).replace(tzinfo=zone).astimezone(UTC) for wall in (chosen.start, chosen.end))
    if chosen.days <= 2:
        return steps(start, end, QUARTER)
    midnights = days_from(day_of(start, zone), chosen.days, zone)
    return [start, *(midnight for midnight in midnights if start < midnight < end), end]


def _in_buckets(starts: Sequence[datetime]) -> Sequence[datetime]:
    """One day by quarters of an hour, several by day."""
    return steps(starts[0], starts[-1], QUARTER) if len(starts) == 2 else starts


def _later(days: int, zone: ZoneInfo) -> Callable[[datetime], datetime]:
    return lambda moment: days_later(moment, days, zone)
