"""The shop's days, compared with sums over silver by Polars' own clocks of the zone."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from assets.progress.batch_snapshot import batch_snapshot
from assets.stream.stream_assets import Stream
from resources.lake import Lake
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.figures import Figures, sales_figures
from salesinsights_dagster.dashboard.products import sales_of_product
from salesinsights_dagster.dashboard.shop_days import clock_ms, day_begins, days_from, days_later
from salesinsights_dagster.dashboard.view import View, ViewError
from salesinsights_dagster.time_zones import time_zones
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka
from tests.salesinsights_dagster.dashboard.plain_sums import counted, expected, purchases_of, sales

# A shop's noon, on the day of a change of the clocks or the day after it.
NOONS = {
    "Europe/Berlin": datetime(2026, 10, 25, 12, 7),
    "America/New_York": datetime(2026, 3, 8, 22, 7),
    "Asia/Kathmandu": datetime(2026, 10, 25, 3, 7),
    "Australia/Lord_Howe": datetime(2026, 10, 5, 12, 7),
    "America/Havana": datetime(2026, 3, 8, 12, 7),
    "Pacific/Auckland": datetime(2026, 9, 27, 12, 7),
}
WANTED = {View(): pl.lit(True), View(brand="b"): pl.col("brand") == "b"}


def local(zone: str) -> pl.Expr:
    return pl.col("event_time").dt.convert_time_zone(zone)


@pytest.mark.parametrize("zone", NOONS)
def test_the_days_of_a_shop_are_those_of_its_clocks(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, zone: str
) -> None:
    now = NOONS[zone].replace(tzinfo=ZoneInfo(zone))
    mock_kafka.publish(topic, list(sales(now.astimezone(UTC), 1)))
    run(lake, stream)
    gold, silver = batch_snapshot(lake), purchases_of(lake)

    for filtered, wanted in WANTED.items():
        for span, days in (("today", 1), ("week", 7), ("month", 30)):
            shown = sales_figures(gold, replace(filtered, span=span, zone=zone), now.astimezone(UTC), 45)
            first = now.date() - timedelta(days=days - 1)
            assert counted(shown.totals) == expected(silver, wanted & (local(zone).dt.date() >= first))
            then = local(zone).dt.date() - timedelta(days=-days)
            before = (then >= first) & ((then < now.date()) | (local(zone).dt.time() < time(now.hour, now.minute)))
            assert counted(shown.before) == expected(silver, wanted & before & (then <= now.date()))
            assert shown.top["revenue"].sum() == shown.totals["revenue"]
            if days > 1:
                for day, bar in by_day(shown, zone).items():
                    sums = expected(silver, wanted & (local(zone).dt.date() == day)) or (0, 0, 0, 0, 0)
                    assert bar == (*sums[:2], *sums[3:])


RANGES = [
    ("2026-10-24", "2026-10-25"),
    ("2026-10-24T23:30", "2026-10-25T03:15"),
    ("2026-10-20T06:00", "2026-10-25T18:00"),
    ("2026-10-25T01:00", "2026-10-25T23:00"),
]


def test_a_free_range_is_counted_by_the_clocks_and_so_is_what_it_is_compared_with(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    zone, now = "America/New_York", datetime(2026, 10, 26, 12, 7, tzinfo=UTC)
    mock_kafka.publish(topic, list(sales(now, 3, 800)))
    run(lake, stream)
    gold, silver = batch_snapshot(lake), purchases_of(lake)
    wall = local(zone).dt.replace_time_zone(None)

    for since, until in RANGES:
        view = View(zone=zone).between(since, until)
        assert view.range is not None
        start, end, ago = view.range.start, view.range.end, timedelta(days=view.range.days)
        for filtered, wanted in WANTED.items():
            shown = sales_figures(gold, replace(view, brand=filtered.brand), now, 45)
            assert counted(shown.totals) == expected(silver, wanted & wall.is_between(start, end, closed="left"))
            then = wall.is_between(start - ago, end - ago, closed="left")
            assert counted(shown.before) == expected(silver, wanted & then)
            assert shown.over_time["revenue"].sum() == shown.top["revenue"].sum() == shown.totals["revenue"]
            assert shown.forecast.total is None


def test_a_range_that_is_over_is_counted_again_only_if_its_sales_change(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    now = datetime(2026, 10, 26, 12, 7, tzinfo=UTC)
    board, view = Board(lake, lambda: now, 45), View().between("2026-10-20", "2026-10-21")

    def units(*days: int) -> tuple[Figures, object]:
        mock_kafka.publish(topic, [event(event_time=f"2026-10-{day}T12:00:00Z", user_id=day) for day in days])
        run(lake, stream)
        board.look()
        found = board.figures(view)
        assert found is not None
        return found, found.totals["units"]

    first, one = units(20, 25)
    second, same = units(26)
    _, two = units(21)

    assert second is first
    assert (one, same, two) == (1, 1, 2)


def test_a_product_is_shown_by_days_of_the_shop(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    zone, now = ZoneInfo("Asia/Kathmandu"), datetime(2026, 10, 25, 3, 7, tzinfo=ZoneInfo("Asia/Kathmandu"))
    mock_kafka.publish(topic, list(sales(now.astimezone(UTC), 2)))
    run(lake, stream)
    mine = purchases_of(lake).filter(pl.col("product_id") == 2)

    shown = sales_of_product(batch_snapshot(lake), 2, now.astimezone(UTC), zone)

    measures = shown.days.select("revenue", "units", "refunds", "orders", "buyers").rows()
    assert len(measures) > 5
    for day, sums in zip(shown.days["event_date"], measures, strict=True):
        assert sums == expected(mine, local(zone.key).dt.date() == day)
    today = mine.filter(local(zone.key).dt.date() == now.date())
    assert shown.windows["units"].sum() == today.filter(pl.col("price") >= 0).height
    assert shown.windows["window_start"].min() >= day_begins(now.date(), zone)  # type: ignore[operator]


def by_day(shown: Figures, zone: str) -> dict[date, tuple[object, ...]]:
    """The bars of the chart."""
    days = shown.over_time["bucket_start"].dt.convert_time_zone(zone).dt.date()
    bars = shown.over_time.select("revenue", "units", "orders", "buyers").rows()
    return dict(zip(days, bars, strict=True))


def test_every_zone_is_whole_quarters_of_an_hour_from_utc_and_known_to_all_who_convert() -> None:
    weeks = [datetime(2019, 1, 1, tzinfo=UTC) + timedelta(weeks=number) for number in range(52 * 15)]
    clocks = {zone: {week.astimezone(ZoneInfo(zone)).strftime("%M:%S") for week in weeks} for zone in time_zones()}

    assert set[str]().union(*clocks.values()) <= {"00:00", "15:00", "30:00", "45:00"}
    moment = pl.Series([weeks[0]])
    assert {moment.dt.convert_time_zone(zone)[0].utcoffset() for zone in sorted(time_zones())} > {timedelta()}


def test_a_day_is_as_long_as_the_clocks_make_it() -> None:
    lengths = {
        ("Europe/Berlin", date(2026, 10, 25)): 25.0,
        ("Europe/Berlin", date(2026, 3, 29)): 23.0,
        ("Australia/Lord_Howe", date(2026, 10, 4)): 23.5,
        ("America/Havana", date(2026, 3, 8)): 23.0,
        ("America/Havana", date(2026, 11, 1)): 25.0,
        ("Asia/Kathmandu", date(2026, 10, 25)): 24.0,
    }

    for (zone, day), hours in lengths.items():
        start, end = days_from(day, 1, ZoneInfo(zone))
        assert (end - start) / timedelta(hours=1) == hours


def test_a_midnight_that_the_clocks_skip_is_the_change_and_of_two_the_first_counts() -> None:
    havana = ZoneInfo("America/Havana")

    assert day_begins(date(2026, 3, 8), havana) == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert day_begins(date(2026, 11, 1), havana) == datetime(2026, 11, 1, 4, tzinfo=UTC)


def test_some_days_later_is_the_same_wall_clock() -> None:
    berlin, noon = ZoneInfo("Europe/Berlin"), datetime(2026, 10, 24, 10, tzinfo=UTC)

    assert days_later(noon, 1, berlin) == noon + timedelta(hours=25)
    assert days_later(noon + timedelta(hours=25), -1, berlin) == noon
    # Half past two, which the clocks strike twice: the first, and not moved it stays what it is.
    twice = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert days_later(twice, 7, berlin) == datetime(2026, 11, 1, 1, 30, tzinfo=UTC)
    assert days_later(twice, 0, berlin) == twice
    assert clock_ms(noon, berlin) == clock_ms(noon + timedelta(hours=2), ZoneInfo("UTC"))


@pytest.mark.parametrize("zone", ["Berlin", "localtime", "Europe", "../etc/passwd", "right/UTC", "+02:00"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(ViewError, match="is no time zone"):
        View(zone=zone)
