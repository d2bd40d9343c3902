"""Kept parts: made once, and again when a row of their days changed."""

from datetime import timedelta

import polars as pl
import pytest

from assets.progress.kept_parts import drop_parts, kept_part
from assets.tables import CUSTOMER_DAYS
from resources import slices
from resources.lake import Lake
from tests.assets.customers.shoppers import FIRST, customer_days

DAYS = [FIRST, FIRST + timedelta(days=1)]


class Counting:
    """Revenue by user, and how often it was computed."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, rows: pl.DataFrame) -> pl.DataFrame:
        self.times += 1
        return rows.group_by("user_id").agg(pl.col("revenue").sum())


@pytest.fixture
def compute() -> Counting:
    return Counting()


def part(lake: Lake, compute: Counting, query: str = "q") -> dict[int, str]:
    found = kept_part(lake, lake.table(CUSTOMER_DAYS), "spent", DAYS, CUSTOMER_DAYS.schema.names(), compute, query)
    return {user: str(revenue) for user, revenue in found.iter_rows()}


def test_a_part_is_made_once_whatever_comes_on_other_days(lake: Lake, compute: Counting) -> None:
    lake.table(CUSTOMER_DAYS).append(customer_days({1: [(0, "2.00"), (1, "3.00")], 2: [(1, "1.00")]}), {})
    first = part(lake, compute)
    lake.table(CUSTOMER_DAYS).append(customer_days({1: [(5, "9.00")]}), {})

    assert (part(lake, compute), compute.times) == (first, 1)
    assert first == {1: "5.00", 2: "1.00"}


def test_a_row_more_another_query_and_a_lost_file_make_it_again(lake: Lake, compute: Counting) -> None:
    lake.table(CUSTOMER_DAYS).append(customer_days({1: [(0, "2.00")]}), {})
    part(lake, compute)
    lake.table(CUSTOMER_DAYS).append(customer_days({2: [(1, "4.00")]}), {})
    assert (part(lake, compute), compute.times) == ({1: "2.00", 2: "4.00"}, 2)
    part(lake, compute, "another")
    drop_parts(lake)

    assert (part(lake, compute, "another"), compute.times) == ({1: "2.00", 2: "4.00"}, 4)
    assert len(list(lake.scratch.rglob("*.parquet"))) == 1


def test_a_part_is_the_same_in_slices(lake: Lake, compute: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    bought = {user: [(0, "1.00"), (1, f"{user}.00")] for user in range(1, 40)}
    lake.table(CUSTOMER_DAYS).append(customer_days(bought), {})
    whole = part(lake, compute)
    drop_parts(lake)
    for name, size in {"SLICE": 10, "PIECE": 7, "READ_AT_ONCE": 5}.items():
        monkeypatch.setattr(slices, name, size)

    assert part(lake, compute) == whole
    assert compute.times > 5
