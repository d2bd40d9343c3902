from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from assets.products.catalog import load_catalog
from assets.products.category_sales import refresh_category_sales
from assets.products.product_outlook import product_outlook_is_behind, refresh_product_outlook
from assets.tables import CATALOG, PRODUCT_OUTLOOK
from resources.lake import Lake
from tests.lakes import rows

Publish = Callable[[list[dict[str, Any]]], None]
FIRST = datetime(2019, 10, 1, tzinfo=UTC)


def bought(product: int, day: float, price: str = "2.00") -> dict[str, Any]:
    """A purchase, so many days after the first one."""
    return {"product_id": product, "event_time": f"{FIRST + timedelta(days=day):%F %T} UTC", "price": price}


def say(lake: Lake, day: float, *told: dict[str, object]) -> None:
    names = {name: None for one in told for name in one}
    given = pl.DataFrame([{**names, **one} for one in told], schema={name: CATALOG.schema[name] for name in names})
    load_catalog(lake, given, FIRST + timedelta(days=day), is_part=True)


def held(lake: Lake, *columns: str) -> list[tuple[object, ...]]:
    refresh_category_sales(lake)
    refresh_product_outlook(lake)
    return rows(lake, PRODUCT_OUTLOOK).sort("product_id").select("product_id", *columns).rows()


def test_it_says_which_products_were_never_sold_and_when_the_others_were_last(lake: Lake, publish: Publish) -> None:
    say(lake, 0, {"product_id": 5}, {"product_id": 6}, {"product_id": 7})
    publish([bought(5, 0.5), bought(5, 50), bought(6, 3), bought(7, 50, "-1.00"), bought(8, 50)])

    assert held(lake, "first_sold_on", "last_sold_on", "units_30d") == [
        (5, date(2019, 10, 1), date(2019, 11, 20), 1),
        (6, date(2019, 10, 4), date(2019, 10, 4), 0),
        (7, None, None, 0),
    ]


def test_stock_is_what_was_stated_less_what_was_sold_since(lake: Lake, publish: Publish) -> None:
    say(lake, 39.5, {"product_id": 5, "stock": 10}, {"product_id": 6, "stock": 1}, {"product_id": 7, "name": "Rouge"})
    publish([bought(product, day) for product in (5, 6) for day in (1, 39.4, 39.6, 40, 40.5)])

    assert held(lake, "sold_since", "stock_left", "units_a_day", "days_left") == [
        (5, 3, 7, 4 / 30, 7 / (4 / 30)),
        (6, 3, 0, 4 / 30, 0.0),
        (7, None, None, 0.0, None),
    ]


def test_a_new_products_pace_is_that_of_its_days_and_what_is_not_sold_lasts(lake: Lake, publish: Publish) -> None:
    say(lake, 0, {"product_id": 5, "stock": 30}, {"product_id": 6, "stock": 4})
    publish([bought(6, 0, "1.00"), *(bought(5, 38 + day / 10) for day in range(20))])

    assert held(lake, "units_a_day", "days_left") == [(5, 10.0, 1.0), (6, 0.0, None)]


def test_a_stock_that_is_stated_again_counts_from_then_on(lake: Lake, publish: Publish) -> None:
    say(lake, 0, {"product_id": 5, "stock": 10, "name": "Lipstick"})
    publish([bought(5, 1), bought(5, 3)])
    say(lake, 2, {"product_id": 5, "stock": 10})
    assert held(lake, "sold_since", "stock_left") == [(5, 1, 9)]

    say(lake, 4, {"product_id": 5, "name": "Lip stick"})

    assert held(lake, "stock_at", "sold_since") == [(5, FIRST + timedelta(days=2), 1)]
    assert rows(lake, CATALOG).height == 2


def test_the_margin_is_of_the_sales_whose_cost_is_known(lake: Lake, publish: Publish) -> None:
    say(lake, 0, {"product_id": 5, "name": "a"}, {"product_id": 6, "name": "b", "cost": Decimal("0.50")})
    say(lake, 2, {"product_id": 5, "cost": None}, {"product_id": 6, "cost": Decimal("0.75")})
    publish([bought(5, 1), bought(6, 1), bought(6, 3), bought(6, 3, "-2.00")])

    assert held(lake, "revenue_30d", "known_cost_revenue_30d", "margin_30d") == [
        (5, Decimal("2.00"), None, None),
        (6, Decimal("2.00"), Decimal("2.00"), Decimal("0.75")),
    ]


def test_it_follows_the_catalogue_and_the_sales(lake: Lake, publish: Publish) -> None:
    publish([bought(5, 1)])
    refresh_category_sales(lake)
    assert not product_outlook_is_behind(lake)

    say(lake, 0, {"product_id": 5, "stock": 3})
    assert product_outlook_is_behind(lake)
    assert held(lake, "stock_left") == [(5, 2)]
    publish([bought(5, 2)])
    assert not product_outlook_is_behind(lake)
    refresh_category_sales(lake)
    assert product_outlook_is_behind(lake)

    assert held(lake, "stock_left") == [(5, 1)]
    assert not product_outlook_is_behind(lake)
