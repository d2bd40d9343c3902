from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import polars as pl
import pytest

from assets.products import category_sales
from assets.products.catalog import load_catalog
from assets.products.category_sales import category_sales_are_behind, refresh_category_sales
from assets.progress.batches import BATCH
from assets.silver.purchases import rebuild_purchases
from assets.tables import CATALOG, CATEGORY_SALES_DAILY, PRODUCT_SALES, SILVER_EVENTS, SILVER_PURCHASES
from assets.tables.sql_views import sql_session
from resources.duckdb_engine import query
from resources.lake import Lake
from tests.faults.interleaving import crash_before, once_before
from tests.lakes import rows

Publish = Callable[[list[dict[str, Any]]], None]
FIRST = datetime(2019, 10, 1, tzinfo=UTC)
SHOWN = ["event_date", "product_id", "category", "brand", "units", "revenue", "known_cost_revenue", "cost"]


def bought(product: int, hour: float = 10, price: str = "2.00", **more: object) -> dict[str, Any]:
    """A purchase, so many hours after the first day began."""
    at = FIRST + timedelta(hours=hour)
    return {"product_id": product, "event_time": f"{at:%F %T} UTC", "price": price, "brand": None, **more}


def say(lake: Lake, hour: float, *told: dict[str, object], is_part: bool = True) -> None:
    """The catalogue says this, from so many hours after the first day began."""
    names = {name: None for one in told for name in one}
    given = pl.DataFrame([{**names, **one} for one in told], schema={name: CATALOG.schema[name] for name in names})
    load_catalog(lake, given, FIRST + timedelta(hours=hour), is_part=is_part)


def held(lake: Lake) -> list[tuple[object, ...]]:
    return rows(lake, CATEGORY_SALES_DAILY).sort("event_date", "product_id", "part").select(SHOWN[1:]).rows()


def test_without_a_catalogue_a_sale_has_what_the_purchase_says(lake: Lake, publish: Publish) -> None:
    nothing: dict[str, Any] = {"category_id": None, "category_code": None}
    publish([bought(5, category_id=7, category_code="a.b", brand="x"), bought(6, category_id=7, category_code=None)])
    publish([bought(7, **nothing), bought(7, price="-0.50", **nothing)])

    refresh_category_sales(lake)

    assert held(lake) == [
        (5, "a.b", "x", 1, Decimal("2.00"), None, None),
        (6, "7", None, 1, Decimal("2.00"), None, None),
        (7, None, None, 1, Decimal("1.50"), None, None),
    ]


def test_a_sale_has_what_the_catalogue_said_then(lake: Lake, publish: Publish) -> None:
    say(lake, 0, {"product_id": 5, "category": "nails", "cost": Decimal("0.50")})
    say(lake, 12, {"product_id": 5, "category": "care", "cost": Decimal("0.75")})
    publish([bought(5, hour, brand="x") for hour in (9, 11.999, 12, 13)])
    publish([bought(5, 14, price="-2.00", brand="x")])

    refresh_category_sales(lake)

    assert held(lake) == [
        (5, "care", "x", 2, Decimal("2.00"), Decimal("2.00"), Decimal("1.50")),
        (5, "nails", "x", 2, Decimal("4.00"), Decimal("4.00"), Decimal("1.00")),
    ]


def test_only_days_with_a_sale_of_which_something_else_is_said_are_recomputed(lake: Lake, publish: Publish) -> None:
    publish([bought(5, 10), bought(6, 34), bought(5, 58), bought(6, 58)])
    assert refresh_category_sales(lake) == [date(2019, 10, 1), date(2019, 10, 2), date(2019, 10, 3)]

    say(lake, 60, {"product_id": 5, "category": "nails"}, {"product_id": 9, "category": "new"})
    assert category_sales_are_behind(lake)
    assert refresh_category_sales(lake) == [date(2019, 10, 1), date(2019, 10, 3)]
    say(lake, 61, {"product_id": 5, "stock": 12, "name": "Lipstick"})
    assert not category_sales_are_behind(lake)
    assert refresh_category_sales(lake) == []
    say(lake, 62, {"product_id": 5, "category": "care"})
    assert refresh_category_sales(lake) == [date(2019, 10, 3)]

    assert rows(lake, CATEGORY_SALES_DAILY).filter(product_id=5)["category"].to_list() == ["nails", "nails"]


def test_a_cleared_scratch_folder_costs_a_recomputation_and_nothing_else(lake: Lake, publish: Publish) -> None:
    publish([bought(5, 10), bought(6, 34)])
    say(lake, 1, {"product_id": 5, "category": "nails"})
    refresh_category_sales(lake)
    for part in (lake.scratch / "marked" / "category_sales").iterdir():
        part.unlink()
    say(lake, 2, {"product_id": 5, "category": "care"})

    assert refresh_category_sales(lake) == [date(2019, 10, 1), date(2019, 10, 2)]
    assert [one[1] for one in held(lake)] == ["care", "1487580005134238553"]


def test_a_day_that_grew_reads_only_its_new_purchases(
    lake: Lake, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish([bought(5), bought(5, 34)])
    refresh_category_sales(lake)
    publish([bought(5, 11)])
    monkeypatch.setattr(category_sales, "_whole", lambda *_: pytest.fail("a whole day was computed"))

    assert refresh_category_sales(lake) == [date(2019, 10, 1)]
    assert [one[3] for one in held(lake)] == [2, 1]
    assert refresh_category_sales(lake) == []


def test_a_day_that_did_not_only_grow_is_computed_as_a_whole(lake: Lake, publish: Publish) -> None:
    publish([bought(5)])
    refresh_category_sales(lake)
    silver, purchases = lake.table(SILVER_EVENTS), lake.table(SILVER_PURCHASES)
    for table in (silver, purchases):
        table.append(table.read().with_columns(batch=pl.lit(0, pl.Int64)), {})
    assert refresh_category_sales(lake) == [date(2019, 10, 1)]
    assert [one[3] for one in held(lake)] == [2]
    dearer = silver.read().with_columns(price=pl.lit("3.00").cast(SILVER_EVENTS.schema["price"]))
    silver.replace(dearer, None, {BATCH: 1})
    rebuild_purchases(lake, [date(2019, 10, 1)])

    refresh_category_sales(lake)

    assert [one[4] for one in held(lake)] == [Decimal("6.00")]


def test_a_catalogue_that_changes_meanwhile_is_seen(
    lake: Lake, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish([bought(5)])

    def another_refresh() -> None:
        say(lake, 1, {"product_id": 5, "category": "nails"})
        refresh_category_sales(lake)

    once_before(monkeypatch, category_sales, "_bring", another_refresh)
    refresh_category_sales(lake)

    assert [one[1] for one in held(lake)] == ["nails"]
    assert not category_sales_are_behind(lake)


def test_whatever_happened_in_between_the_rows_are_those_of_a_plain_count(
    lake: Lake, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, sales, said = Random(4), list[dict[str, Any]](), list[tuple[float, dict[str, object]]]()
    for step in range(12):
        hour = 6.0 * step
        if step % 3:
            told = {"product_id": chance.randrange(4), "category": chance.choice(["a", "b"]), "brand": None}
            told["cost"] = chance.choice([None, Decimal("0.33"), Decimal("0.57")])
            say(lake, hour, told)
            said.append((hour, told))
        new = [
            bought(
                chance.randrange(5),
                chance.randrange(int(hour * 60) + 360) / 60,
                chance.choice(["1.10", "2.35", "-0.70"]),
                user_id=step * 100 + number,
                category_code=chance.choice([None, "x", "y"]),
                brand=chance.choice([None, "o", "p"]),
            )
            for number in range(8)
        ]
        publish(new)
        sales += new
        if step == 5:
            crash_before(monkeypatch, category_sales, "_note", lambda: refresh_category_sales(lake))
        elif step % 2:
            refresh_category_sales(lake)
        if step == 7:
            rebuild_purchases(lake, [date(2019, 10, 1)])
    refresh_category_sales(lake)

    found = rows(lake, CATEGORY_SALES_DAILY)
    assert {one[:4]: one[4:] for one in found.select(SHOWN).iter_rows()} == counted(sales, said)
    with sql_session(lake) as connection:
        total = "SELECT event_date, sum(revenue) AS revenue, sum(units) AS units FROM {} GROUP BY ALL ORDER BY ALL"
        mine = query(connection, total.format("category_sales_daily"))
        assert mine.equals(query(connection, total.format("product_sales")))
    refresh_category_sales(lake, lake.table(PRODUCT_SALES).days)
    assert rows(lake, CATEGORY_SALES_DAILY).equals(found)


def counted(
    sales: list[dict[str, Any]], said: list[tuple[float, dict[str, object]]]
) -> dict[tuple[object, ...], tuple[object, ...]]:
    """What the table has to hold, sale by sale."""
    cells: dict[tuple[object, ...], list[Any]] = defaultdict(lambda: [0, Decimal(0), None, None])
    firsts = {one["product_id"]: hour for hour, one in reversed(said)}
    for sale in sales:
        at, product = datetime.fromisoformat(sale["event_time"].replace(" UTC", "+00:00")), sale["product_id"]
        hours = (at - FIRST) / timedelta(hours=1)
        held = [one for hour, one in said if one["product_id"] == product and hour <= max(hours, firsts[product])]
        fact = held[-1] if held else {}
        category = fact.get("category") or sale["category_code"] or "1487580005134238553"
        cell = cells[(at.date(), product, category, fact.get("brand") or sale["brand"])]
        price, cost = Decimal(sale["price"]), fact.get("cost")
        cell[0] += price > 0
        cell[1] += price
        if isinstance(cost, Decimal):
            cell[2] = (cell[2] or 0) + price
            cell[3] = (cell[3] or 0) + (cost if price > 0 else 0)
    return {key: tuple(cell) for key, cell in cells.items()}
