"""Targets of revenue: when they are missed, and what a wrong file is told."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from assets.gold.targets import TargetFile, TargetsError, missed
from assets.tables import PRODUCT_SALES_DAILY
from resources.lake import Lake

NOW = datetime(2026, 11, 30, tzinfo=UTC)
"""A Monday."""


def sell(lake: Lake, by_day: dict[date, str]) -> None:
    rows = [{"product_id": 1, "revenue": Decimal(text), "event_date": day} for day, text in by_day.items()]
    lake.table(PRODUCT_SALES_DAILY).append(pl.DataFrame(rows, schema=PRODUCT_SALES_DAILY.schema), {})


def test_a_target_is_missed_by_the_newest_period_that_is_over(lake: Lake, tmp_path: Path) -> None:
    sell(lake, {date(2026, 11, 29): "75.00", date(2026, 11, 23): "25.00", date(2026, 11, 30): "9.00"})
    file = TargetFile(tmp_path / "targets.toml")
    assert missed(lake, file.read(), NOW) == {}

    file.path.write_text('day = "100.00"\nweek = "100.00"\nmonth = "0.01"\n')

    assert missed(lake, file.read(), NOW) == {
        "target/day": "the day from 2026-11-29 brought 75.00, 25% below 100.00",
        "target/week": None,
        "target/month": "the month from 2026-10-01 brought 0.00, 100% below 0.01",
    }


@pytest.mark.parametrize("text", ["day = -1", "year = 3", "day"])
def test_a_wrong_file_names_the_fault(tmp_path: Path, text: str) -> None:
    file = TargetFile(tmp_path / "targets.toml")
    file.path.write_text(text)

    with pytest.raises(TargetsError, match=r'targets\.toml: .*Write lines such as day = "12000\.00"'):
        file.read()
