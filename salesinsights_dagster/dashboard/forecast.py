"""What the rest of today may bring: the same weekday's usual hours, at the level of today so far.

Add here: how it is estimated. Not here: how it is drawn (`pages.live`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import polars as pl

from salesinsights_dagster.dashboard.spans import DAY, HOUR, QUARTER

WEEKS = 4
"""The usual day is the mean of this weekday in so many weeks before."""

_CENT = Decimal("0.01")
_QUARTERS = HOUR // QUARTER


@dataclass(frozen=True)
class Forecast:
    """The day's expected revenue, and `course`: revenue by quarter of an hour (`bucket_start`, `forecast`) from the
    running one to midnight. Or no total, and `why`."""

    total: Decimal | None
    course: pl.DataFrame
    why: str | None = None


_NO_COURSE = pl.DataFrame(schema={"bucket_start": pl.Datetime("us", "UTC"), "forecast": pl.Decimal(18, 2)})


def no_forecast(why: str) -> Forecast:
    """Why there is none."""
    return Forecast(None, _NO_COURSE, why)


def forecast(
    midnight: datetime,
    now: datetime,
    today: pl.DataFrame,
    earlier: Sequence[pl.DataFrame],
    quarters: int = DAY // QUARTER,
) -> Forecast:
    """`today` and the `earlier` days are quarters of an hour: `bucket_start`, `revenue`. Today has `quarters` of them.

    An hour's usual revenue is its mean on the earlier days. The rest of today is what is usual, times today's level:
    (sold so far + a usual hour) / (usual so far + a usual hour). The added hour, the mean of a usual day's, keeps the
    level near 1 while the day is young.
    """
    hours = -(-quarters // _QUARTERS)
    usual = _usual(midnight, hours, earlier)
    sold = Decimal(str(today["revenue"].sum() or 0))
    passed = [_share(midnight + number * HOUR, now) for number in range(hours)]
    typical = sum(usual, Decimal()) / hours
    if typical <= 0:
        return no_forecast(f"this weekday brought no revenue in the last {WEEKS} weeks")
    usual_so_far = sum((share * each for share, each in zip(passed, usual, strict=True)), Decimal())
    level = max(sold + typical, Decimal()) / (usual_so_far + typical)
    done = dict(zip(today["bucket_start"], today["revenue"], strict=True))
    course = _course(midnight, now, quarters, usual, level, done)
    rest = sum((left for _, left, _ in course), Decimal())
    rows = {"bucket_start": [at for at, _, _ in course], "forecast": [expected for _, _, expected in course]}
    return Forecast((sold + rest).quantize(_CENT), pl.DataFrame(rows, schema=_NO_COURSE.schema))


def _usual(midnight: datetime, hours: int, earlier: Sequence[pl.DataFrame]) -> list[Decimal]:
    """The mean revenue of each hour of the day, counted from midnight."""
    hour = (pl.col("bucket_start") - midnight).dt.total_seconds() // int(HOUR.total_seconds()) % hours
    known = dict(pl.concat(earlier).group_by(hour.alias("hour")).agg(pl.col("revenue").sum()).iter_rows())
    return [Decimal(known.get(number) or 0) / len(earlier) for number in range(hours)]


def _course(
    midnight: datetime,
    now: datetime,
    quarters: int,
    usual: Sequence[Decimal],
    level: Decimal,
    done: Mapping[datetime, Decimal],
) -> list[tuple[datetime, Decimal, Decimal]]:
    """(start, what is still expected, that and what is done) of each quarter that is not over."""
    rows = []
    for number in range(quarters):
        start = midnight + number * QUARTER
        if start + QUARTER > now:
            left = (1 - _share(start, now, QUARTER)) * level * usual[number // _QUARTERS] / _QUARTERS
            rows.append((start, left, (left + (done.get(start) or 0)).quantize(_CENT)))
    return rows


def _share(start: datetime, now: datetime, width: timedelta = HOUR) -> Decimal:
    """How much of the time from `start` is over."""
    passed = min(max(now - start, timedelta()), width)
    return Decimal(passed // (width / 1_000)) / 1_000
