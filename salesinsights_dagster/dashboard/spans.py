"""The spans of time that a page can show, and what each can be compared with.

Add here: a span, or another time to compare it with. Not here: what is counted in it (`figures`).
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
YEAR = timedelta(days=364)
"""52 weeks, so that the weekdays are the same."""


@dataclass(frozen=True)
class Comparison:
    """An earlier time of the same length. `ago` is how much earlier; None for a whole span earlier.

    `title` is its name as a choice; `text` says in a sentence when that was.
    """

    name: str
    title: str
    text: str
    ago: timedelta | None


@dataclass(frozen=True)
class Span:
    """A span of time up to now, UTC. `days` is how many calendar days it has, including today; 0 for the last hour.

    `bucket` is the width of a bar in the chart over time; None for one window of product_sales.
    """

    name: str
    title: str
    days: int
    bucket: timedelta | None
    comparisons: tuple[Comparison, ...]

    def comparison(self, name: str | None) -> Comparison | None:
        """The comparison of this name; None if the span has none."""
        return next((known for known in self.comparisons if known.name == name), None)


def midnight_of(moment: datetime) -> datetime:
    """When the moment's day began."""
    return datetime.combine(moment.date(), time(), moment.tzinfo)


def _last_year(text: str) -> Comparison:
    return Comparison("year", "Last year", text, YEAR)


SPANS = {
    span.name: span
    for span in (
        Span(
            "hour",
            "Last hour",
            0,
            None,
            (
                Comparison("before", "Hour before", "the hour before", None),
                Comparison("day", "Yesterday", "this hour yesterday", DAY),
                Comparison("week", "Last week", "this hour a week ago", WEEK),
                _last_year("this hour last year"),
            ),
        ),
        Span(
            "today",
            "Today",
            1,
            QUARTER,
            (
                Comparison("before", "Yesterday", "yesterday", None),
                Comparison("week", "Last week", "this weekday last week", WEEK),
                _last_year("this weekday last year"),
            ),
        ),
        Span(
            "week",
            "7 days",
            7,
            DAY,
            (Comparison("before", "7 days before", "the 7 days before", None), _last_year("these days last year")),
        ),
        Span(
            "month",
            "30 days",
            30,
            DAY,
            (Comparison("before", "30 days before", "the 30 days before", None), _last_year("these days last year")),
        ),
    )
}
