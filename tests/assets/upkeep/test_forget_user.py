from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from assets.customers.audience import Audience
from assets.customers.audiences import refresh_audiences
from assets.customers.customer_value import refresh_customer_value
from assets.products.category_sales import category_sales_are_behind, refresh_category_sales
from assets.products.repurchases import refresh_repurchases
from assets.stream.stream_assets import Stream
from assets.tables import (
    ABANDONED_CARTS,
    AUDIENCE_MEMBERS,
    BRONZE_EVENTS,
    CATEGORY_SALES_DAILY,
    COHORT_RETENTION,
    CUSTOMER_VALUE,
    CUSTOMER_VALUE_DAYS,
    PRODUCT_SALES,
    REPURCHASES,
    SESSIONS,
    SILVER_EVENTS,
    SILVER_QUARANTINE,
    TABLES,
    USER_DAYS,
    USER_FEATURES,
)
from assets.upkeep import forget_user as forgetting
from assets.upkeep.audit import audit
from assets.upkeep.forget_user import forget
from assets.visitors.abandoned_carts import refresh_carts
from assets.visitors.cart_rule import CartRule
from assets.visitors.cohort_retention import refresh_cohorts
from assets.visitors.daily_tables import any_stale
from assets.visitors.user_features import make_features
from resources.lake import Lake
from tests.assets.archive.month_lines import HEADER, PURCHASE, load, put
from tests.assets.visitors.visits import follow
from tests.conftest import event
from tests.faults.interleaving import crash_before
from tests.lakes import rows, run, traces
from tests.resources.mock_kafka import MockKafka

USER, OTHER = 463240011, 7
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def known(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, tmp_path: Path) -> None:
    """A user in every table, by messages, duplicates, refused values and lines, beside a second user."""
    mine = [
        event(event_type="cart", product_id=8),
        event(),
        event(),
        event(price=5, event_time="2019-10-03 10:00:00 UTC"),
        event(price="x"),
        b"half %d" % USER,
    ]
    others = [event(user_id=OTHER), b"junk", event(user_id=OTHER, price="y")]
    mock_kafka.publish(topic, [*mine, *others])
    run(lake, stream)
    mock_kafka.publish(topic, [event(user_id=OTHER, price=3), event()])
    run(lake, stream)
    other = PURCHASE.replace(str(USER), "7").replace("2.62", "4.00")
    put(tmp_path, [PURCHASE, other, PURCHASE.replace("2.62", "z"), other], header=HEADER)
    load(lake, tmp_path)
    refresh_customer_value(lake)
    yesterday = rows(lake, CUSTOMER_VALUE).select(CUSTOMER_VALUE_DAYS.schema.names())
    lake.table(CUSTOMER_VALUE_DAYS).append(yesterday, {})
    follow(lake)
    refresh_carts(lake, CartRule())
    assert rows(lake, ABANDONED_CARTS)["user_id"].to_list() == [USER]
    refresh_cohorts(lake)
    refresh_repurchases(lake)
    refresh_category_sales(lake)
    assert rows(lake, REPURCHASES)["buyers"].to_list() == [2]
    refresh_audiences(lake, {"carts": Audience(left_cart_from=Decimal("0.01"))}, NOW)
    assert rows(lake, AUDIENCE_MEMBERS)["user_id"].to_list() == [USER]
    make_features(lake, date(2019, 10, 3))


def test_nothing_about_a_forgotten_user_is_left_anywhere(lake: Lake, known: None) -> None:
    assert len(traces(lake, {USER})) > 8

    done = forget(lake, USER, NOW, 45)

    assert traces(lake, {USER}) == []
    assert done.days == [date(2019, 10, 1), date(2019, 10, 3), *done.days[2:]]
    assert set(rows(lake, SILVER_EVENTS)["user_id"]) == {OTHER}
    assert rows(lake, CUSTOMER_VALUE)["user_id"].to_list() == [OTHER]
    assert rows(lake, CUSTOMER_VALUE_DAYS)["user_id"].to_list() == [OTHER]
    assert set(rows(lake, USER_DAYS)["user_id"]) == set(rows(lake, SESSIONS)["user_id"]) == {OTHER}
    assert rows(lake, USER_FEATURES)["user_id"].to_list() == [OTHER]
    assert set(rows(lake, COHORT_RETENTION)["cohort_users"]) == {1}
    assert rows(lake, REPURCHASES).is_empty()
    assert rows(lake, AUDIENCE_MEMBERS).is_empty()
    assert not any_stale(lake)
    assert sorted(map(str, rows(lake, PRODUCT_SALES)["revenue"])) == ["9.62"]
    assert sorted(map(str, rows(lake, CATEGORY_SALES_DAILY)["revenue"])) == ["9.62"]
    assert not category_sales_are_behind(lake)
    assert sorted(rows(lake, SILVER_QUARANTINE)["value"]) == sorted([b"junk", event(user_id=OTHER, price="y")])
    assert audit(lake).findings == []


def test_the_number_of_a_product_is_not_the_user(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, known: None
) -> None:
    named = {"user_id": OTHER, "product_id": USER, "event_id": "a"}
    mock_kafka.publish(topic, [event(user_id=OTHER, product_id=USER), event(**named), event(**named, price=1)])
    run(lake, stream)

    forget(lake, USER, NOW, 45)

    assert rows(lake, SILVER_EVENTS).filter(product_id=USER).height == 2
    assert rows(lake, SILVER_QUARANTINE)["reason"].to_list().count("conflicting_duplicate") == 1
    assert audit(lake).findings == []


def test_what_comes_again_is_dropped_and_what_is_new_is_not(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, known: None, tmp_path: Path
) -> None:
    forget(lake, USER, NOW, 45)
    put(tmp_path, [PURCHASE, PURCHASE.replace(str(USER), "8"), PURCHASE.replace("2.62", "6.00")], header=HEADER)
    new = event(event_time="2026-02-01 00:00:00 UTC", price=8)
    mock_kafka.publish(topic, [event(), event(price=77), new])

    run(lake, stream)
    load(lake, tmp_path)

    mine = rows(lake, SILVER_EVENTS).filter(user_id=USER)
    kept = [(str(day), str(price)) for day, price in mine.select("event_date", "price").rows()]
    assert kept == [("2026-02-01", "8.00")]
    assert audit(lake).findings == []


def test_refused_lines_of_theirs_do_not_come_again_either(lake: Lake, known: None, tmp_path: Path) -> None:
    forget(lake, USER, NOW, 45)
    refused = [PURCHASE.replace("00:00:00 UTC", "noon"), PURCHASE + ",more", f"half {USER}"]
    other = [line.replace(str(USER), str(OTHER)) for line in refused]
    put(tmp_path, [*refused, *other], header=HEADER)

    load(lake, tmp_path)

    assert rows(lake, SILVER_QUARANTINE).filter(source="archive")["value"].to_list() == [one.encode() for one in other]
    assert traces(lake, {USER}) == []


@pytest.mark.parametrize(
    "step",
    ["release_refused", "remove_messages", "rebuild_silver", "rebuild_gold", "restate_batches", "recount_months"],
)
def test_a_forgetting_that_was_cut_short_is_made_whole_by_the_next(
    lake: Lake, known: None, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    crash_before(monkeypatch, forgetting, step, lambda: forget(lake, USER, NOW, 45))

    forget(lake, USER, NOW, 45)

    assert set(rows(lake, SILVER_EVENTS)["user_id"]) == {OTHER}
    assert rows(lake, CUSTOMER_VALUE)["user_id"].to_list() == [OTHER]
    assert audit(lake).findings == []


def test_a_user_that_nobody_knows_changes_no_row(lake: Lake, known: None) -> None:
    before = rows(lake, BRONZE_EVENTS)

    assert forget(lake, 12345, NOW, 45).rows == 0

    assert rows(lake, BRONZE_EVENTS).equals(before)
    assert audit(lake).findings == []


@pytest.mark.parametrize("table", ["silver_purchases", "customer_value", "silver_sessions", "abandoned_carts"])
def test_a_row_that_only_one_table_has_goes_too(lake: Lake, known: None, table: str) -> None:
    layout, stray = TABLES[table], 31
    row = lake.table(layout).read().head(1).with_columns(user_id=pl.lit(stray, pl.Int64))
    lake.table(layout).append(row, {})

    done = forget(lake, stray, NOW, 45)

    assert (done.found, done.left) == ({table: 1}, {})
    assert USER in set(rows(lake, SILVER_EVENTS)["user_id"])
