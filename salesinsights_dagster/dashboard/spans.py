"""The spans of time that a page can show, and what each is compared with.

Add here: a span. Not here: what is counted in it (`figures`).
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """A span of time up to now, UTC. `days` is how many calendar days it has, including today; 0 for the last hour.

    `bucket` is the width of a bar in the chart over time; None for one window of product_sales.
    """

    name: str
    title: str
    before_title: str
    days: int
    bucket: timedelta | None

    def bounds(self, now: datetime, window_seconds: int) -> tuple[datetime, datetime, datetime]:
        """(start of the span before, start, end): [before, start) is compared with [start, end)."""
        midnight = datetime.combine(now.date(), time(), now.tzinfo)
        if self.days:
            start = midnight - (self.days - 1) * DAY
            return start - self.days * DAY, start, now
        window = timedelta(seconds=window_seconds)
        start = midnight + (now - midnight) // window * window + window - HOUR // window * window
        return start - (HOUR // window * window), start, now


SPANS = {
    span.name: span
    for span in (
        Span("hour", "Last hour", "the hour before", 0, None),
        Span("today", "Today", "all of yesterday", 1, timedelta(minutes=15)),
        Span("week", "7 days", "the 7 days before", 7, DAY),
        Span("month", "30 days", "the 30 days before", 30, DAY),
    )
}
