"""Who is in an audience, and since when."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from assets.customers.audience import Audience, AudienceError, AudienceFile
from assets.customers.audiences import audiences_are_behind, members_of, refresh_audiences
from assets.tables import ABANDONED_CARTS, AUDIENCE_MEMBERS, CUSTOMER_VALUE, FUNNEL_DAILY, SILVER_PURCHASES
from assets.tables.table import Table
from resources.lake import Lake
from tests.assets.products.purchases import purchases
from tests.lakes import rows

NOW = datetime(2019, 11, 1, tzinfo=UTC)
AS_OF = date(2019, 10, 31)


def shaped(table: Table, *wanted: dict[str, object]) -> pl.DataFrame:
    missing = [pl.lit(None, kind).alias(name) for name, kind in table.schema.items() if name not in wanted[0]]
    return pl.DataFrame(wanted).with_columns(missing).select(table.schema.names()).cast(table.schema)


def customer(user: int, segment: str, silent: int, revenue: str, alive: float | None = None) -> dict[str, object]:
    last = datetime(2019, 10, 31, 10, tzinfo=UTC) - timedelta(days=silent)
    return {
        "user_id": user,
        "segment": segment,
        "last_order_at": last,
        "revenue": Decimal(revenue),
        "predicted_value": Decimal(revenue) / 2 if alive is not None else None,
        "probability_alive": alive,
        "as_of": AS_OF,
    }


@pytest.fixture
def shop(lake: Lake) -> Lake:
    lake.table(CUSTOMER_VALUE).append(
        shaped(
            CUSTOMER_VALUE,
            customer(1, "champions", 0, "100.00", 0.9),
            customer(2, "at risk", 40, "80.00", 0.2),
            customer(3, "hibernating", 90, "5.00"),
        ),
        {},
    )
    carts = [(1, 7, "3.00"), (1, 8, "4.00"), (9, 7, "60.00")]
    lake.table(ABANDONED_CARTS).append(
        shaped(ABANDONED_CARTS, *({"user_id": u, "product_id": p, "cart_value": Decimal(v)} for u, p, v in carts)), {}
    )
    lake.table(SILVER_PURCHASES).append(
        purchases(
            (1, "2019-10-31 10:00:00", 5, "2.00"),
            (1, "2019-10-31 10:00:00", 6, "2.00"),
            (2, "2019-09-21 10:00:00", 5, "2.00"),
            (3, "2019-10-30 10:00:00", 5, "-2.00"),
            (3, "2019-08-02 10:00:00", 6, "2.00"),
        ),
        {},
    )
    seen = [(5, 11, "furniture.bathroom"), (6, 12, "furnitures")]
    lake.table(FUNNEL_DAILY).append(
        shaped(
            FUNNEL_DAILY,
            *(
                {"level": "product", "product_id": p, "category_id": c, "category_code": code, "event_date": AS_OF}
                for p, c, code in seen
            ),
        ),
        {},
    )
    return lake


@pytest.mark.parametrize(
    ("conditions", "members"),
    [
        ({"segment": ["at risk", "hibernating"]}, [2, 3]),
        ({"last_order_days_from": 40}, [2, 3]),
        ({"last_order_days_to": 40}, [1, 2]),
        ({"last_order_days_from": 1, "last_order_days_to": 89}, [2]),
        ({"revenue_from": "80.00"}, [1, 2]),
        ({"revenue_to": "80.00"}, [2, 3]),
        ({"predicted_value_from": "40.00"}, [1, 2]),
        ({"probability_alive_from": 0.5}, [1]),
        ({"probability_alive_to": 0.5}, [2]),
        ({"bought_product": [5]}, [1, 2]),
        ({"bought_product": [5], "bought_days": 30}, [1]),
        ({"bought_product": [5, 6]}, [1, 2, 3]),
        ({"bought_product": [5], "bought_brand": ["b6"]}, [1]),
        ({"bought_category": ["furniture"]}, [1, 2]),
        ({"bought_category": [12]}, [1, 3]),
        ({"left_cart_from": "7.00"}, [1, 9]),
        ({"left_cart_from": "7.01"}, [9]),
        ({"left_cart_from": "1.00", "segment": ["champions"]}, [1]),
    ],
    ids=str,
)
def test_all_conditions_must_hold(shop: Lake, conditions: dict[str, object], members: list[int]) -> None:
    assert members_of(shop, Audience.model_validate(conditions))["user_id"].to_list() == members


def test_who_stays_keeps_the_moment_of_joining_and_who_leaves_is_gone(shop: Lake) -> None:
    audiences = {"rich": Audience(revenue_from=Decimal(80)), "carts": Audience(left_cart_from=Decimal(50))}
    assert audiences_are_behind(shop, audiences)
    assert refresh_audiences(shop, audiences, NOW) == 3
    assert not audiences_are_behind(shop, audiences)
    customers = shop.table(CUSTOMER_VALUE)
    customers.replace(shaped(CUSTOMER_VALUE, customer(1, "new", 0, "81.00"), customer(3, "new", 0, "90.00")), None, {})
    assert audiences_are_behind(shop, audiences)
    later = NOW + timedelta(hours=1)

    refresh_audiences(shop, audiences, later)

    assert rows(shop, AUDIENCE_MEMBERS).rows() == [("carts", 9, NOW), ("rich", 1, NOW), ("rich", 3, later)]


def test_a_refresh_without_a_join_or_a_leave_writes_no_file(shop: Lake) -> None:
    audiences = {"rich": Audience(revenue_from=Decimal(80))}
    refresh_audiences(shop, audiences, NOW)
    files = shop.table(AUDIENCE_MEMBERS).file_uris()
    shop.table(CUSTOMER_VALUE).replace(shop.table(CUSTOMER_VALUE).read(), None, {})

    refresh_audiences(shop, audiences, NOW + timedelta(hours=1))

    assert shop.table(AUDIENCE_MEMBERS).file_uris() == files
    assert not audiences_are_behind(shop, audiences)


def test_an_audience_that_was_removed_has_no_members(shop: Lake) -> None:
    refresh_audiences(shop, {"rich": Audience(revenue_from=Decimal(80))}, NOW)
    assert audiences_are_behind(shop, {})

    assert refresh_audiences(shop, {}, NOW) == 0
    assert not audiences_are_behind(shop, {})


def test_without_a_file_there_is_no_audience(shop: Lake, tmp_path: Path) -> None:
    assert AudienceFile(tmp_path / "audiences.toml").read() == {}
    assert not audiences_are_behind(shop, {})


def test_audiences_are_written_down_in_the_home(tmp_path: Path) -> None:
    file = tmp_path / "audiences.toml"
    file.write_text('[win-back]\nsegment = ["at risk"]\nrevenue_from = "99.90"\nbought_category = [12, "furniture"]\n')

    assert AudienceFile(file).read() == {
        "win-back": Audience(segment=("at risk",), revenue_from=Decimal("99.90"), bought_category=(12, "furniture"))
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a]\nsegments = ['x']", "a.segments: Extra inputs"),
        ("[a]\nrevenue_from = 'much'", "a.revenue_from"),
        ("[a]\nprobability_alive_from = 2", "a.probability_alive_from"),
        ("[a]\nbought_days = 3", "a has no condition"),
        ("['A B']\nsegment = ['x']", "A B"),
        ("[a", "can't be read"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "audiences.toml"
    file.write_text(text)

    with pytest.raises(AudienceError, match=r"audiences\.toml") as refused:
        AudienceFile(file).read()

    assert said in str(refused.value)
