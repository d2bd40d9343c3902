"""Filtered figures, compared with plain sums over the silver rows that pass the filter."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from assets.progress.batch_snapshot import batch_snapshot
from assets.silver.purchases import rebuild_purchases
from assets.stream.stream_assets import Stream
from resources.lake import Lake
from salesinsights_dagster.dashboard import filters
from salesinsights_dagster.dashboard.figures import Kept, sales_figures
from salesinsights_dagster.dashboard.filters import wanted_sql
from salesinsights_dagster.dashboard.movers import movers
from salesinsights_dagster.dashboard.spans import SPANS
from salesinsights_dagster.dashboard.times import times_of
from salesinsights_dagster.dashboard.view import View
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka
from tests.salesinsights_dagster.dashboard.plain_sums import counted, expected, purchases_of, sales

NOW = datetime(2026, 11, 24, 12, 7, 20, tzinfo=UTC)
CATEGORIES = pl.DataFrame({"product_id": [1, 2, 3], "category": ["nails", "nails", "hair"]})

WANTED = {
    View(brand="o'clock"): pl.col("brand") == "o'clock",
    View(product=2): pl.col("product_id") == 2,
    View(category="nails"): pl.col("product_id").is_in([1, 2]),
    View(category="nails", brand="b"): pl.col("product_id").is_in([1, 2]) & (pl.col("brand") == "b"),
    View(category="unknown"): pl.lit(False),
}


def between(start: datetime, until: datetime) -> pl.Expr:
    return pl.col("event_time").is_between(start, until, closed="left")


def test_filtered_figures_are_those_of_silver_also_when_they_are_kept(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    kept = Kept()
    for seed in range(3):
        mock_kafka.publish(topic, list(sales(NOW, seed)))
        run(lake, stream)
        if seed == 2:
            rebuild_purchases(lake, [date(2026, 11, 23), date(2026, 11, 24)])
        gold, silver, now = batch_snapshot(lake), purchases_of(lake), NOW + seed * timedelta(minutes=7)
        for filtered, wanted in WANTED.items():
            for span in SPANS:
                view = filtered.during(span)
                shown, times = sales_figures(gold, view, now, 45, kept, CATEGORIES), times_of(view, now, 45)
                assert counted(shown.totals) == expected(silver, wanted & between(times.start, times.end))
                other = between(times.other_edges[0], times.other_until)
                assert counted(shown.before) == expected(silver, wanted & other)
                assert (shown.top["revenue"].sum(), shown.over_time["revenue"].sum()) == (
                    (shown.totals["revenue"],) * 2 if shown.totals else (0, 0)
                )


def test_days_beyond_what_is_kept_are_read_again(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock_kafka.publish(topic, list(sales(NOW, 1)))
    run(lake, stream)
    view, kept = View("month", brand="b"), Kept()
    usual = sales_figures(batch_snapshot(lake), view, NOW, 45)
    monkeypatch.setattr(filters, "MOST_ROWS", 5)

    shown = sales_figures(batch_snapshot(lake), view, NOW, 45, kept)

    assert shown.totals == usual.totals
    assert sum(day.purchases.height for day in kept.filtered._kept.values()) < usual.totals["units"]  # type: ignore[operator]


def test_movers_are_of_the_sales_that_are_left(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    week = timedelta(weeks=1)
    sold = [(NOW - timedelta(hours=2), "9.00", "b"), (NOW - week - timedelta(hours=2), "4.00", "b")]
    old = (NOW - 2 * week, "1.00", "a")
    events = [event(event_time=at.isoformat(), price=price, brand=brand) for at, price, brand in [*sold, old]]
    mock_kafka.publish(topic, events)
    run(lake, stream)

    def found(view: View) -> list[tuple[object, ...]]:
        levels = movers(batch_snapshot(lake), view, NOW, 45, CATEGORIES).levels
        return levels["brand"].select("brand", "revenue", "usual").rows()

    assert found(View("today", brand="b")) == [("b", Decimal("9.00"), Decimal("4.00"))]
    assert found(View("today", brand="a")) == []


def test_a_brand_is_a_text_and_nothing_else() -> None:
    assert wanted_sql(View(brand="x' OR '1'='1"), CATEGORIES) == "brand = 'x'' OR ''1''=''1'"
    assert wanted_sql(View(), CATEGORIES) is None
