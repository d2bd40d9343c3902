"""What is unusual, and how often something is called so that is not."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import pytest

from assets.gold.unusual_sales import LEVELS, QUARTER_LOOKS, SHOP, judged

STEADY = [100, 104, 97, 101, 99, 103, 96, 100]
DAYS = QUARTER_LOOKS["day"]


def counts(series: Mapping[tuple[str, str], Sequence[int]]) -> pl.DataFrame:
    """Units of each series: now first, then a week ago, and so on."""
    rows = [(level, name, week, n) for (level, name), units in series.items() for week, n in enumerate(units)]
    schema = {"level": pl.String(), "name": pl.String(), "week": pl.Int32(), "units": pl.Int64()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def unusual(series: Mapping[tuple[str, str], Sequence[int]], looks: int = DAYS) -> list[tuple[str, str]]:
    return judged(counts(series), looks).filter("is_unusual").select("level", "name").sort("level", "name").rows()


@pytest.mark.parametrize(("now", "is_told"), [(100, False), (85, False), (40, True), (0, True), (200, True)])
def test_the_shop_is_compared_with_its_earlier_weeks(now: int, is_told: bool) -> None:
    assert unusual({("shop", SHOP): [now, *STEADY]}) == ([("shop", SHOP)] if is_told else [])


def test_an_hour_needs_a_larger_change_than_a_day_since_it_is_looked_at_more_often() -> None:
    now = {("shop", SHOP): [48, *STEADY]}

    assert (len(unusual(now, DAYS)), len(unusual(now, QUARTER_LOOKS["hour"]))) == (1, 0)


def test_a_shop_that_varies_much_is_given_more_room() -> None:
    assert unusual({("shop", SHOP): [40, 60, 150, 90, 40, 120, 80, 160, 100]}) == []


def test_a_brand_is_judged_by_its_share_of_the_shop() -> None:
    with_the_shop = {("shop", SHOP): [400, *(2 * n for n in STEADY)], ("brand", "a"): [200, *STEADY]}
    against_it = {**with_the_shop, ("brand", "a"): [100, *STEADY], ("brand", "b"): [300, *STEADY]}

    assert unusual(with_the_shop) == [("shop", SHOP)]
    assert unusual(against_it) == [("brand", "a"), ("brand", "b"), ("shop", SHOP)]
    (usual,) = judged(counts(against_it), DAYS).filter(pl.col("name") == "a")["usual"]
    assert usual == pytest.approx(200, rel=0.01)


def test_of_little_and_of_few_weeks_nothing_is_said() -> None:
    shop = {("shop", SHOP): [100, *STEADY]}

    assert unusual({**shop, ("product", "7"): [90, *[9] * 8]}) == []
    assert unusual({("shop", SHOP): [0, *STEADY[:3]]}) == []
    assert unusual({("shop", SHOP): [0, *STEADY[:4]]}) == [("shop", SHOP)]


def test_what_is_sold_no_more_has_no_row_and_is_told() -> None:
    series = counts(
        {("shop", SHOP): [100, *STEADY], ("product", "7"): [0, *[50] * 8], ("product", "8"): [70, *[50] * 8]}
    )

    told = judged(series.filter((pl.col("name") != "7") | (pl.col("week") > 0)), DAYS).filter("is_unusual")

    assert told.select("name", "units").rows() == [("7", 0)]


def test_a_quarter_of_ordinary_days_brings_about_one_false_alarm_a_level() -> None:
    """Days vary by 15 %, and so do the shares of 60 products; whoever buys takes two at once."""
    rng, told = np.random.default_rng(7), dict.fromkeys(LEVELS, 0)
    share = 1 / np.arange(1, 61) ** 0.8
    brands, quarters = rng.integers(0, 10, 60), 2
    weeks = 8 + 13 * quarters
    level = np.exp(rng.normal(0, 0.15, (weeks, 7, 1)))
    mean = 7_000 * level * share / share.sum() * np.exp(rng.normal(0, 0.15, (weeks, 7, 60)))
    sold = 2 * rng.poisson(mean / 2)
    for week in range(8, weeks):
        for day in range(7):
            now = sold[week - 8 : week + 1, day][::-1]
            series = {("shop", SHOP): now.sum(axis=1).tolist()}
            series |= {("brand", str(b)): now[:, brands == b].sum(axis=1).tolist() for b in range(10)}
            series |= {("product", str(p)): now[:, p].tolist() for p in range(60)}
            for found, _ in unusual(series):
                told[found] += 1

    # A Poisson count with a mean of one a quarter stays below this in 999 of 1,000 cases.
    assert max(told.values()) <= quarters + math.ceil(3.1 * math.sqrt(quarters))
