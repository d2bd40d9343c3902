from datetime import UTC, datetime

import polars as pl
import pytest

from salesinsights_dagster.simulator.shop import Shop

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def november() -> pl.DataFrame:
    """300,000 events of November 2019: 65,000 visits, enough for shares to settle."""
    return pl.concat(Shop(1).month(2019, 11, 300_000))


@pytest.fixture(scope="session")
def ten_minutes() -> pl.DataFrame:
    """Ten minutes of live traffic at 100 events a second."""
    return Shop(1).live(NOON, 600, 100)


@pytest.fixture
def noon() -> datetime:
    return NOON
