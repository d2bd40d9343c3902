from datetime import date, timedelta
from itertools import pairwise
from random import Random
from statistics import median_low

from assets.products.repurchases import refresh_repurchases, repurchases_are_behind
from assets.tables import REPURCHASES, SILVER_PURCHASES
from resources.lake import Lake
from tests.assets.products.purchases import purchases
from tests.lakes import rows


def sell(lake: Lake, *sold: tuple[int, int, int], price: str = "2.00") -> None:
    """Per sale: a user, a day after the end of September, and a product."""
    days = [(user, f"{date(2019, 9, 30) + timedelta(days=day)} 10:00:00", product) for user, day, product in sold]
    lake.table(SILVER_PURCHASES).append(purchases(*((*one, price) for one in days)), {})


def held(lake: Lake) -> list[tuple[object, ...]]:
    return rows(lake, REPURCHASES).sort("product_id").rows()


def test_the_days_to_the_next_purchase_are_counted_across_closed_and_open_days(lake: Lake) -> None:
    sell(lake, (1, 1, 5), (1, 3, 5), (1, 10, 5), (2, 2, 5), (2, 9, 5), (3, 1, 5), (1, 10, 6), (2, 9, 6), (2, 10, 6))

    refresh_repurchases(lake)

    assert held(lake) == [(5, 3, 2, 2 / 3, 3, 2, 7, 7), (6, 2, 1, 1 / 2, 1, 1, 1, 1)]


def test_two_purchases_on_one_day_are_one_and_a_return_is_none(lake: Lake) -> None:
    sell(lake, (1, 1, 5), (1, 1, 5), (1, 9, 5), (2, 1, 5))
    sell(lake, (1, 4, 5), (2, 8, 5), price="-2.00")

    refresh_repurchases(lake)

    assert held(lake) == [(5, 2, 1, 1 / 2, 1, 8, 8, 8)]


def test_a_late_purchase_between_two_others_cuts_their_interval(lake: Lake) -> None:
    sell(lake, (1, 1, 5), (1, 9, 5), (1, 20, 6), (1, 21, 6))
    refresh_repurchases(lake)
    assert not repurchases_are_behind(lake)
    sell(lake, (1, 4, 5))
    assert repurchases_are_behind(lake)

    refresh_repurchases(lake)

    assert held(lake)[0] == (5, 1, 1, 1.0, 2, 3, 3, 5)


def test_nothing_sold_is_no_row(lake: Lake) -> None:
    assert refresh_repurchases(lake) == 0


def test_among_many_purchases_the_intervals_are_those_that_a_plain_count_finds(lake: Lake) -> None:
    chance = Random(5)
    sold = [(chance.randrange(20), chance.randrange(1, 40), chance.randrange(6)) for _ in range(400)]
    sell(lake, *sold)

    refresh_repurchases(lake)

    days: dict[tuple[int, int], set[int]] = {}
    for user, day, product in sold:
        days.setdefault((product, user), set()).add(day)
    gaps: dict[int, list[int]] = {}
    for (product, _), some in days.items():
        gaps.setdefault(product, []).extend(later - earlier for earlier, later in pairwise(sorted(some)))
    found = rows(lake, REPURCHASES).select("product_id", "repurchases", "median_days")
    assert {product: tuple(figures) for product, *figures in found.rows()} == {
        product: (len(some), median_low(some)) for product, some in gaps.items()
    }
    assert len(gaps) == 6
