"""How a table remembers which rows of its source each day shows."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from assets.progress.source_fingerprints import SourceFingerprints, rebuilt_again
from assets.tables import SILVER_EVENTS, USER_DAYS
from resources.lake import Lake
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout

FIRST = date(2021, 11, 20)
YEARS = [FIRST + timedelta(days=number) for number in (*range(0, 5 * 365 - 31, 7), *range(5 * 365 - 31, 5 * 365))]
"""A day of each week of five years, and each of the last 31."""


def of_days(layout: TableLayout, days: Collection[date], number: int = 1) -> pl.DataFrame:
    """A row for each of these days."""
    written = pl.lit(datetime(2026, 11, 26, tzinfo=UTC) + timedelta(minutes=number))
    made = pl.DataFrame({"event_date": list(days)}).with_columns(ingested_at=written, updated_at=written)
    missing = [pl.lit(None, kind).alias(name) for name, kind in layout.schema.items() if name not in made.columns]
    return made.with_columns(missing).select(layout.schema.names()).cast(layout.schema)


def followed(lake: Lake, query: str = "q") -> SourceFingerprints:
    return SourceFingerprints(lake.table(USER_DAYS), lake.table(SILVER_EVENTS), query)


def show(lake: Lake, days: Collection[date]) -> None:
    state = followed(lake)
    state.table.append(of_days(USER_DAYS, days), state.shown(days))


def bring(lake: Lake, days: Collection[date], number: int = 1) -> None:
    lake.table(SILVER_EVENTS).append(of_days(SILVER_EVENTS, days, number), {})


def test_a_day_is_late_until_it_is_shown_and_again_when_its_rows_are_others(lake: Lake) -> None:
    days = [date(2025, 1, 31), date(2026, 10, 1), date(2026, 11, 2)]
    bring(lake, days)
    assert followed(lake).stale == days
    show(lake, days[:2])
    assert followed(lake).stale == days[2:]
    show(lake, days[2:])
    assert followed(lake).stale == []

    for number, day in enumerate(days, 2):
        bring(lake, [day], number)
        assert followed(lake).stale == [day]
        show(lake, [day])
        assert followed(lake).stale == []


@pytest.mark.parametrize("day", [date(2025, 1, 31), date(2026, 11, 2)])
def test_a_rebuilt_day_is_late_with_the_same_rows(lake: Lake, day: date) -> None:
    days = [date(2025, 1, 31), date(2025, 1, 1), date(2026, 10, 1), date(2026, 11, 2)]
    bring(lake, days)
    show(lake, days)
    silver = lake.table(SILVER_EVENTS)

    silver.append(of_days(SILVER_EVENTS, []), rebuilt_again(silver, [day]))

    assert followed(lake).stale == [day]
    show(lake, [day])
    assert followed(lake).stale == []


def test_another_query_and_a_lost_day_are_late(lake: Lake) -> None:
    days = [date(2026, 10, 1), date(2026, 11, 2)]
    bring(lake, days)
    show(lake, days)
    assert followed(lake, "another").stale == days
    silver = lake.table(SILVER_EVENTS)

    silver.replace(of_days(SILVER_EVENTS, []), SILVER_EVENTS.on_days(days[:1]), {})

    assert followed(lake).stale == days[:1]


def test_after_five_years_a_look_asks_some_dozens_of_questions(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(lake, YEARS)
    show(lake, YEARS)
    bring(lake, YEARS[-1:], 2)
    asked: list[str] = []
    progress = LakeTable.progress

    def heard(table: LakeTable, name: str) -> int | None:
        asked.append(name)
        return progress(table, name)

    monkeypatch.setattr(LakeTable, "progress", heard)

    assert followed(lake).stale == YEARS[-1:]
    assert len(asked) <= 2 + 2 * 2 + 2 * 31
    show(lake, YEARS[-1:])
    asked.clear()
    assert followed(lake).stale == []
    assert len(asked) <= 6


def test_a_late_event_of_years_ago_makes_its_day_late_and_none_of_other_months(lake: Lake) -> None:
    bring(lake, YEARS)
    show(lake, YEARS)

    bring(lake, [YEARS[40]], 2)

    late = followed(lake).stale
    assert YEARS[40] in late
    assert {(day.year, day.month) for day in late} == {(YEARS[40].year, YEARS[40].month)}
