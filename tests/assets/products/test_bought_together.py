from collections import Counter
from collections.abc import Callable
from datetime import date
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest

from assets.products import bought_together as module
from assets.products.bought_together import bought_together_is_behind, refresh_bought_together
from assets.products.newest_purchases import Newest
from assets.progress import kept_parts
from assets.tables import BOUGHT_TOGETHER, CUSTOMER_DAYS, PRODUCT_SALES_DAILY, SILVER_PURCHASES
from resources.lake import Lake
from salesinsights_dagster.simulator.month_file import write_month
from salesinsights_dagster.simulator.shop import Shop
from tests.assets.archive.month_lines import load
from tests.assets.products.purchases import Item, purchases
from tests.lakes import rows


def order(user: int, moment: str, *products: int, price: str = "2.00") -> list[Item]:
    return [(user, moment, product, price) for product in products]


def sell(lake: Lake, *orders: list[Item]) -> None:
    lake.table(SILVER_PURCHASES).append(purchases(*(item for one in orders for item in one)), {})


def pairs(lake: Lake) -> dict[tuple[int, int], tuple[object, ...]]:
    columns = ("orders_together", "orders", "other_orders", "all_orders", "support", "confidence", "lift")
    held = rows(lake, BOUGHT_TOGETHER)
    return {row[:2]: row[2:] for row in held.select("product_id", "other_product_id", *columns).rows()}


def three(*products: int, price: str = "2.00") -> list[list[Item]]:
    return [order(user, f"2019-10-0{user} 10:00:00", *products, price=price) for user in (1, 2, 3)]


def test_a_pair_is_counted_by_orders(lake: Lake) -> None:
    sell(lake, *three(1, 2), order(4, "2019-10-01 10:00:00", 1), order(5, "2019-10-02 10:00:00", 7))

    refresh_bought_together(lake)

    assert pairs(lake) == {
        (1, 2): (3, 4, 3, 5, 3 / 5, 3 / 4, 3 * 5 / (4 * 3)),
        (2, 1): (3, 3, 4, 5, 3 / 5, 3 / 3, 3 * 5 / (3 * 4)),
    }
    held = rows(lake, BOUGHT_TOGETHER)
    assert held["other_brand"].to_list() == ["b2", "b1"]
    assert held.select("first_day", "last_day").unique().rows() == [(date(2019, 10, 1), date(2019, 10, 3))]


def test_two_of_a_product_are_one_and_a_second_later_is_another_order(lake: Lake) -> None:
    later = [order(user, f"2019-10-0{user} 10:00:01", 3) for user in (1, 2, 3)]
    sell(lake, *three(1, 2, 2), *later)

    refresh_bought_together(lake)

    assert {pair: figures[:4] for pair, figures in pairs(lake).items()} == {(1, 2): (3, 3, 3, 6), (2, 1): (3, 3, 3, 6)}


def test_a_return_is_in_no_order(lake: Lake) -> None:
    sell(lake, *three(1, 2), *three(3, price="-1.00"), order(9, "2019-10-01 12:00:00", 1, price="-1.00"))

    refresh_bought_together(lake)

    assert {pair: figures[1:4] for pair, figures in pairs(lake).items()} == {(1, 2): (3, 3, 3), (2, 1): (3, 3, 3)}


def test_a_chance_pair_is_left_out_and_so_is_an_order_of_very_many(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 3)
    sell(lake, *three(1, 2, 3, 4), order(1, "2019-10-05 10:00:00", 5, 6), order(2, "2019-10-05 10:00:00", 5, 6))

    assert refresh_bought_together(lake) == 0


def test_of_many_companions_the_most_frequent_are_kept(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    sell(lake, *three(1, 2, 3), order(8, "2019-10-05 10:00:00", 1, 3))

    refresh_bought_together(lake)

    assert set(pairs(lake)) == {(1, 3), (2, 1), (3, 1)}


def test_only_newest_days_count_and_no_more_than_hold_so_many_purchases(lake: Lake) -> None:
    sell(lake, *(order(1, f"2019-10-{day:02} 10:00:00", 1, 2) for day in (1, 2, 4, 5, 9)))
    table = lake.table(SILVER_PURCHASES)

    def of(days: int, purchases: int) -> list[int]:
        return [day.day for day in Newest(days, purchases).days_of(table)]

    assert of(90, 100) == [1, 2, 4, 5, 9]
    assert of(8, 100) == [2, 4, 5, 9]
    assert of(90, 5) == [5, 9]
    assert of(90, 1) == [9]


def test_the_table_follows_the_purchases_and_only_changed_days_are_counted_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(lake, *three(1, 2))
    refresh_bought_together(lake)
    assert not bought_together_is_behind(lake)
    counted: list[set[date]] = []
    monkeypatch.setattr(module, "order_counts", _noting(counted, module.order_counts))

    sell(lake, order(7, "2019-10-03 11:00:00", 1, 2))
    assert bought_together_is_behind(lake)
    refresh_bought_together(lake)

    assert pairs(lake)[1, 2][:4] == (4, 4, 4, 4)
    assert [day for day in counted if day] == [{date(2019, 10, 3)}]


def _noting(counted: list[set[date]], count: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[..., pl.DataFrame]:
    def noted(some: pl.DataFrame) -> pl.DataFrame:
        counted.append(set(some["event_time"].dt.date()))
        return count(some)

    return noted


def test_counts_by_slices_of_users_are_those_of_all_at_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    sell(lake, *(order(user, f"2019-10-01 10:00:{user:02}", 1, 2, 3 + user % 2) for user in range(60)))
    refresh_bought_together(lake)
    whole = rows(lake, BOUGHT_TOGETHER)
    kept_parts.drop_parts(lake)
    monkeypatch.setattr("resources.slices.READ_AT_ONCE", 20)
    monkeypatch.setattr("resources.slices.SLICE", 20)

    refresh_bought_together(lake)

    assert rows(lake, BOUGHT_TOGETHER).equals(whole)


def test_on_a_generated_month_the_pairs_are_those_that_a_plain_count_finds(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FEWEST", 1)
    monkeypatch.setattr(module, "MOST", 10_000)
    file = write_month(Shop(seed=5), 2019, 10, 12_000, tmp_path / "archive")
    load(lake, tmp_path / "archive")

    refresh_bought_together(lake)

    sold = pl.read_csv(file).filter(pl.col("event_type") == "purchase", pl.col("price").cast(pl.Float64) >= 0)
    baskets = sold.group_by("user_id", "user_session", "event_time").agg(pl.col("product_id").unique())["product_id"]
    one = Counter(product for basket in baskets for product in basket)
    two = Counter(pair for basket in baskets for pair in combinations(sorted(basket), 2))
    often = {pair: count for pair, count in two.items() if count >= module.FEWEST}
    both = {pair[::step]: count for pair, count in often.items() for step in (1, -1)}
    assert {pair: figures[:4] for pair, figures in pairs(lake).items()} == {
        (first, second): (count, one[first], one[second], len(baskets)) for (first, second), count in both.items()
    }
    assert len(both) > 20
    by_product = rows(lake, PRODUCT_SALES_DAILY).group_by("product_id").agg(pl.col("orders").sum())
    assert dict(by_product.rows()) == dict(one)
    assert rows(lake, CUSTOMER_DAYS)["orders"].sum() == len(baskets)
