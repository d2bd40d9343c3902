"""What today may still bring, on days that can be counted by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl

from salesinsights_dagster.dashboard.forecast import forecast

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
SCHEMA = {"bucket_start": pl.Datetime("us", "UTC"), "revenue": pl.Decimal(18, 2)}


def day(midnight: datetime, by_hour: dict[int, str]) -> pl.DataFrame:
    rows = [(midnight + timedelta(hours=hour, minutes=15), Decimal(money)) for hour, money in by_hour.items()]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def week_ago(number: int, by_hour: dict[int, str]) -> pl.DataFrame:
    return day(MIDNIGHT - timedelta(weeks=number), by_hour)


EVEN = dict.fromkeys(range(24), "100.00")


def test_an_hour_is_expected_to_be_as_it_usually_is() -> None:
    earlier = [week_ago(1, {**EVEN, 20: "340.00"}), week_ago(2, {**EVEN, 20: "100.00"})]

    found = forecast(MIDNIGHT, MIDNIGHT, day(MIDNIGHT, {}), earlier)

    assert found.total == Decimal("2520.00")
    by_hour = found.course.group_by(pl.col("bucket_start").dt.hour().alias("hour")).agg(pl.col("forecast").sum())
    assert dict(by_hour.sort("hour").iter_rows()) == {**dict.fromkeys(range(24), Decimal(100)), 20: Decimal(220)}


def test_the_rest_of_the_day_follows_the_level_of_today() -> None:
    noon = MIDNIGHT + timedelta(hours=12)
    twice = dict.fromkeys(range(12), "200.00")

    found = forecast(MIDNIGHT, noon, day(MIDNIGHT, twice), [week_ago(1, EVEN)])

    # (2,400 sold + 100 for a usual hour) / (1,200 usual + 100), for the 1,200 that are usual after noon
    assert found.total == Decimal("2400") + (Decimal(2500) / 1300 * 1200).quantize(Decimal("0.01"))
    assert found.course["bucket_start"].min() == noon


def test_the_running_quarter_keeps_what_it_has() -> None:
    now = MIDNIGHT + timedelta(minutes=5)
    today = pl.DataFrame([(MIDNIGHT, Decimal("70.00"))], schema=SCHEMA, orient="row")

    found = forecast(MIDNIGHT, now, today, [week_ago(1, EVEN)])

    level = (Decimal(70) + 100) / (Decimal("100") * Decimal("0.083") + 100)
    first = (Decimal(70) + level * 25 * (1 - Decimal("0.333"))).quantize(Decimal("0.01"))
    assert found.course.row(0) == (MIDNIGHT, first)
    assert found.course.height == 96


def test_at_midnight_nothing_is_left_and_the_total_is_what_was_sold() -> None:
    end = MIDNIGHT + timedelta(days=1)

    found = forecast(MIDNIGHT, end, day(MIDNIGHT, EVEN), [week_ago(1, EVEN)])

    assert (found.total, found.course.height) == (Decimal("2400.00"), 0)


def test_without_a_usual_revenue_there_is_no_forecast_but_a_reason() -> None:
    found = forecast(MIDNIGHT, MIDNIGHT, day(MIDNIGHT, {}), [week_ago(1, {3: "0.00"})])

    assert (found.total, found.why) == (None, "this weekday brought no revenue in the last 4 weeks")
