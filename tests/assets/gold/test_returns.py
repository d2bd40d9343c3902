"""A return is a purchase row with a negative price: its money counts, and nothing else. Older releases counted more."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from assets.customers.clv_checks import revenue_conserved
from assets.customers.customer_value import customer_value_is_behind, refresh_customer_value
from assets.gold import recounted_days
from assets.gold.recounted_days import is_recount_due
from assets.stream.stream_assets import Stream
from assets.tables import CUSTOMER_DAYS, CUSTOMER_VALUE, DAILY, PRODUCT_SALES, PRODUCT_SALES_DAILY
from assets.upkeep.audit import audit
from resources.lake import Lake
from resources.table_layout import RULE
from sensors.kafka_sensor import has_leftovers
from tests.conftest import event
from tests.faults.interleaving import crash_before
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

FIRST, SECOND, THIRD = (date(2019, 10, day) for day in (1, 2, 3))

SHOP = [
    event(user_id=1, price=10),
    event(user_id=1, price=-1, product_id=9),  # a voucher in the same order
    event(user_id=1, price=4, event_time="2019-10-02 12:00:00 UTC"),
    event(user_id=1, price=-4, event_time="2019-10-03 12:00:00 UTC"),
    event(user_id=2, price=-3, event_time="2019-10-03 12:00:00 UTC"),
    event(user_id=3, price=5, event_time="2019-10-03 12:00:00 UTC"),
]


@pytest.fixture
def shop(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> Lake:
    mock_kafka.publish(topic, SHOP)
    run(lake, stream)
    return lake


def of_older_release(lake: Lake) -> None:
    """Count returns as rule 1 did: as orders of buyers, at the time of the return."""
    for layout in DAILY:
        table = lake.table(layout)
        returned = pl.col("refunds") > 0
        moment = pl.when(returned).then(pl.col("event_date").cast(pl.Datetime("us", "UTC")))
        counted = {"orders": pl.lit(7), "buyers": pl.lit(7), "first_order_at": moment, "last_order_at": moment}
        changes = [pl.when(returned).then(how).otherwise(name).alias(name) for name, how in counted.items()
                   if name in layout.schema]  # fmt: skip
        table.replace(table.read().with_columns(changes).cast(layout.schema), None, {})
        table.annotate({RULE: "1"})


def test_the_money_of_a_return_counts_and_nothing_else(shop: Lake) -> None:
    sold = rows(shop, PRODUCT_SALES_DAILY).select("event_date", "product_id", "units", "orders", "buyers", "revenue")
    days = rows(shop, CUSTOMER_DAYS).sort("event_date", "user_id")

    assert sold.sort("event_date", "product_id").rows() == [
        (FIRST, 9, 0, 0, 0, Decimal("-1.00")),
        (FIRST, 5773203, 1, 1, 1, Decimal("10.00")),
        (SECOND, 5773203, 1, 1, 1, Decimal("4.00")),
        (THIRD, 5773203, 1, 1, 1, Decimal("-2.00")),
    ]
    assert days["orders"].to_list() == [1, 1, 0, 0, 1]
    assert days["last_order_at"].is_null().to_list() == [False, False, True, True, False]


def test_a_customer_is_who_bought_and_their_history_has_no_day_of_returns(shop: Lake) -> None:
    refresh_customer_value(shop)

    found = rows(shop, CUSTOMER_VALUE)
    names = ("user_id", "orders", "units", "revenue", "average_order_value", "frequency", "recency", "monetary_value")
    assert found.select(names).rows() == [
        (1, 2, 2, Decimal("9.00"), Decimal("4.50"), 1, 1, Decimal("0.00")),
        (3, 1, 1, Decimal("5.00"), Decimal("5.00"), 0, 0, None),
    ]
    assert found["last_order_at"].dt.date().to_list() == [SECOND, THIRD]
    assert revenue_conserved(shop).passed
    assert audit(shop).findings == []


def test_days_that_an_older_release_counted_are_rebuilt_once(
    shop: Lake, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {layout.name: rows(shop, layout) for layout in DAILY}
    of_older_release(shop)
    refresh_customer_value(shop)
    wrong = rows(shop, CUSTOMER_DAYS)["orders"].sum()
    assert is_recount_due(shop)
    assert has_leftovers(shop, stream, 1)

    crash_before(monkeypatch, recounted_days, "again_on_conflict", lambda: run(shop, stream))
    run(Lake(shop.root), stream)

    assert wrong == 7 + 1 + 7 + 7 + 1
    for layout in DAILY:
        assert rows(shop, layout).equals(before[layout.name])
    assert customer_value_is_behind(shop)
    refresh_customer_value(shop)
    assert rows(shop, CUSTOMER_VALUE)["orders"].to_list() == [2, 1]
    assert not is_recount_due(shop)
    versions = [shop.table(layout).version for layout in DAILY]
    run(shop, stream)
    assert [shop.table(layout).version for layout in DAILY] == versions


def test_a_new_lake_is_counted_by_the_newest_rule(shop: Lake) -> None:
    assert [shop.table(layout).rule for layout in DAILY] == [layout.rule for layout in DAILY] == [2, 2, 2]
    assert not is_recount_due(shop)
    assert PRODUCT_SALES.rule in recounted_days._CHANGED
