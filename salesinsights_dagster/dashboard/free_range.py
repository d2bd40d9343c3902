"""A time that a viewer has chosen freely: from a day or a quarter of an hour to another, by the clocks of a zone.

Add here: what may be chosen. Not here: its moments in UTC (`times`).
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from salesinsights_dagster.dashboard.spans import DAY, QUARTER, WEEK, YEAR, Comparison, Span

MOST_DAYS = 92
"""A quarter of a year: each look counts it again while it is not over."""

FIRST, LAST = datetime(2019, 1, 1), datetime(2100, 1, 1)
"""No event is older. Both by any clock."""


class RangeError(ValueError):
    """A range can't be shown; the message says why, and what can."""


@dataclass(frozen=True)
class FreeRange:
    """From `start` until `end`, which is not in it: the wall clock, without a zone."""

    start: datetime
    end: datetime

    @property
    def days(self) -> int:
        """How many days it touches."""
        return ((self.end - timedelta(microseconds=1)).date() - self.start.date()).days + 1

    @property
    def title(self) -> str:
        """In words: 1 Nov 2026 to 7 Nov 2026, both in it; or with the hours."""
        if self.start.time() == self.end.time() == time():
            first, last = f"{self.start:%-d %b %Y}", f"{self.end - DAY:%-d %b %Y}"
            return first if first == last else f"{first} to {last}"
        return f"{self.start:%-d %b %Y %H:%M} to {self.end:%-d %b %Y %H:%M}"

    @property
    def span(self) -> Span:
        """Beside as many days before, and more."""
        before = Comparison("before", "The time before", "the time before", self.days * DAY)
        week = Comparison("week", "Last week", "a week before", WEEK)
        year = Comparison("year", "Last year", "the year before", YEAR)
        weekly = (week,) if self.days < WEEK.days else ()
        return Span("range", self.title, self.days, QUARTER if self.days <= 2 else DAY, (before, *weekly, year))


def read_range(since: str, until: str) -> FreeRange:
    """The range of two texts such as 2026-11-01 or 2026-11-01T08:00; a day is in it as a whole. Raises RangeError."""
    found = FreeRange(_moment("from", since, timedelta()), _moment("to", until, DAY))
    if found.end <= found.start:
        raise RangeError(f"from={since} is not before to={until}: exchange them")
    if found.days > MOST_DAYS:
        raise RangeError(f"from={since} to={until} are {found.days} days: choose {MOST_DAYS} or fewer")
    return found


def _moment(name: str, text: str, whole_day: timedelta) -> datetime:
    try:
        found = datetime.strptime(text, "%Y-%m-%d" if len(text) == 10 else "%Y-%m-%dT%H:%M")
    except ValueError:
        raise RangeError(f"{name}={text} is no time: write a day, such as 2026-11-01, or 2026-11-01T08:00") from None
    if not FIRST <= found < LAST:
        raise RangeError(f"{name}={text} is not from {FIRST:%Y} to {LAST.year - 1}")
    if found.minute % 15:
        raise RangeError(f"{name}={text} is no whole quarter of an hour: write minutes 00, 15, 30 or 45")
    return found + (whole_day if len(text) == 10 else timedelta())
