"""Which kinds of tampering the audit finds, and which the nightly proof: the table in docs/operating.md."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from assets.customers.customer_value import refresh_customer_value
from assets.stream.stream_assets import Stream
from assets.tables import (
    BRONZE_EVENTS,
    CUSTOMER_DAYS,
    CUSTOMER_VALUE,
    PRODUCT_SALES,
    PRODUCT_SALES_DAILY,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
)
from assets.upkeep.audit import audit
from assets.upkeep.proof import prove
from resources.lake import Lake
from resources.table_layout import TableLayout
from salesinsights_dagster.commands.audit import audit as command
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka, MockTopicReader

DAY, NOW = date(2019, 10, 1), datetime(2026, 1, 1, tzinfo=UTC)

AUDIT, PROOF = "audit", "proof"


@pytest.fixture(scope="module")
def untouched(mock_kafka: MockKafka, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two batches on one partition: views, purchases of three products, one of them free, a buyer's return of what was
    bought before the lake began, and junk.
    """
    topic, lake = "shop.tampering", Lake(str(tmp_path_factory.mktemp("untouched")))
    stream = Stream(lambda: MockTopicReader(mock_kafka.connection, topic), lambda: NOW, 1_000, 45)
    of_two = event(user_id=2, product_id=9, price=4)
    returned = event(user_id=3, product_id=9, price=-1)
    first = [event(event_type="view"), event(event_type="view", user_id=2), event(), of_two]
    second = [event(price=0, product_id=3, event_time="2019-10-01 10:00:00 UTC"), event(price=5), returned, b"junk"]
    for batch in (first, second):
        mock_kafka.publish(topic, batch, partition=0)
        run(lake, stream)
    refresh_customer_value(lake)
    return Path(lake.root)


@pytest.fixture
def shop(untouched: Path, tmp_path: Path) -> Lake:
    """A copy of that lake."""
    return Lake(str(shutil.copytree(untouched, tmp_path / "lake")))


Where = pl.Expr


def changed(layout: TableLayout, where: Where, **columns: object) -> Callable[[Lake], None]:
    """Give these columns other values where the expression holds."""

    def tamper(lake: Lake) -> None:
        held = rows(lake, layout)
        assert held.filter(where).height
        new = {name: pl.when(where).then(pl.lit(value)).otherwise(name) for name, value in columns.items()}
        lake.table(layout).replace(held.with_columns(**new), None, {})

    return tamper


def dropped(layout: TableLayout, where: Where) -> Callable[[Lake], None]:
    def tamper(lake: Lake) -> None:
        held = rows(lake, layout)
        assert held.filter(where).height
        lake.table(layout).replace(held.filter(~where), None, {})

    return tamper


def doubled(layout: TableLayout, where: Where) -> Callable[[Lake], None]:
    def tamper(lake: Lake) -> None:
        (one, *_) = rows(lake, layout).filter(where).iter_slices(1)
        lake.table(layout).append(one, {})

    return tamper


def made_up(layout: TableLayout, where: Where, **columns: object) -> Callable[[Lake], None]:
    def tamper(lake: Lake) -> None:
        (one, *_) = rows(lake, layout).filter(where).iter_slices(1)
        new = {name: pl.lit(value, one.schema[name]) for name, value in columns.items()}
        lake.table(layout).append(one.with_columns(**new), {})

    return tamper


def both(*tampers: Callable[[Lake], None]) -> Callable[[Lake], None]:
    def tamper(lake: Lake) -> None:
        for one in tampers:
            one(lake)

    return tamper


def swapped(layout: TableLayout, name: str) -> Callable[[Lake], None]:
    """Exchange the values of two rows: the sum stays."""

    def tamper(lake: Lake) -> None:
        held = rows(lake, layout)
        assert held[name].n_unique() > 1
        lake.table(layout).replace(held.with_columns(pl.col(name).reverse()), None, {})

    return tamper


FREE, BOUGHT, VIEWED = pl.col("product_id") == 3, pl.col("event_type") == "purchase", pl.col("event_type") == "view"
OF_TWO = pl.col("user_id") == 2
FIRST = pl.col("offset") == 0

KINDS: dict[str, tuple[Callable[[Lake], None], set[str]]] = {
    "an event's price": (changed(SILVER_EVENTS, BOUGHT & OF_TWO, price=1), {AUDIT, PROOF}),
    "a view's brand": (changed(SILVER_EVENTS, VIEWED & OF_TWO, brand="x"), {PROOF}),
    "an event is dropped": (dropped(SILVER_EVENTS, VIEWED & OF_TWO), {AUDIT, PROOF}),
    "an event is doubled": (doubled(SILVER_EVENTS, VIEWED), {AUDIT, PROOF}),
    "one is dropped, another doubled": (
        both(dropped(SILVER_EVENTS, VIEWED & OF_TWO), doubled(SILVER_EVENTS, VIEWED)),
        {AUDIT, PROOF},
    ),
    "a purchase's price": (changed(SILVER_PURCHASES, OF_TWO, price=1), {AUDIT, PROOF}),
    "a purchase's visit": (changed(SILVER_PURCHASES, OF_TWO, user_session="x"), {AUDIT, PROOF}),
    "a purchase is dropped": (dropped(SILVER_PURCHASES, FREE), {AUDIT, PROOF}),
    "revenue of a window": (changed(PRODUCT_SALES, FREE, revenue=1), {AUDIT, PROOF}),
    "units of a window": (changed(PRODUCT_SALES, FREE, units=2), {AUDIT, PROOF}),
    "revenue between products": (swapped(PRODUCT_SALES, "revenue"), {AUDIT, PROOF}),
    "the time of a window": (
        changed(PRODUCT_SALES, FREE, window_start=datetime(2019, 10, 1, 10, 0, 45, tzinfo=UTC)),
        {AUDIT, PROOF},
    ),
    "a window without revenue is dropped": (dropped(PRODUCT_SALES, FREE), {AUDIT, PROOF}),
    "a window without revenue is doubled": (doubled(PRODUCT_SALES, FREE), {AUDIT, PROOF}),
    "orders of a window": (changed(PRODUCT_SALES, FREE, orders=2), {PROOF}),
    "a product of a day is dropped": (dropped(PRODUCT_SALES_DAILY, FREE), {AUDIT, PROOF}),
    "revenue between products of a day": (swapped(PRODUCT_SALES_DAILY, "revenue"), {AUDIT, PROOF}),
    "buyers of a day": (changed(PRODUCT_SALES_DAILY, FREE, buyers=2), {PROOF}),
    "revenue between customers of a day": (swapped(CUSTOMER_DAYS, "revenue"), {AUDIT, PROOF}),
    "a customer's value": (changed(CUSTOMER_VALUE, OF_TWO, revenue=1), {AUDIT}),
    "a customer's first order": (
        changed(CUSTOMER_VALUE, OF_TWO, first_order_at=datetime(2019, 10, 2, tzinfo=UTC)),
        {AUDIT},
    ),
    "who has only returned is a customer": (made_up(CUSTOMER_VALUE, OF_TWO, user_id=3), {AUDIT}),
    "a customer is dropped": (dropped(CUSTOMER_VALUE, OF_TWO), {AUDIT}),
    "a customer's predicted value": (changed(CUSTOMER_VALUE, OF_TWO, predicted_value=1), set()),
    "a message's bytes": (changed(BRONZE_EVENTS, FIRST, value=event(event_type="view", price=7)), {PROOF}),
    "a message is dropped": (dropped(BRONZE_EVENTS, FIRST), {AUDIT, PROOF}),
    "a refused message is dropped": (dropped(SILVER_QUARANTINE, pl.lit(value=True)), {AUDIT}),
    "a count of the ledger": (changed(SILVER_BATCHES, pl.col("batch") == 2, duplicates=1), {AUDIT}),
}


def test_nothing_is_found_where_nothing_is_wrong(shop: Lake) -> None:
    assert found_by(shop) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_tampering_is_found(shop: Lake, kind: str) -> None:
    tamper, finders = KINDS[kind]

    tamper(shop)

    assert found_by(shop) == finders


def test_the_audit_tells_what_the_proof_found_and_how_far_it_is(shop: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESINSIGHTS_LAKE", shop.root)
    before = CliRunner().invoke(command)
    KINDS["buyers of a day"][0](shop)
    prove(shop, DAY, 45, NOW)

    after = CliRunner().invoke(command)
    told = json.loads(CliRunner().invoke(command, ["--json"]).stdout)

    assert (before.exit_code, after.exit_code) == (0, 1)
    assert "2 closed days, 2 unproven, the oldest of them 2019-10-01" in before.output
    assert "not compared: the fields of silver_events" in before.output
    assert "proof: 2019-10-01: gold/product_sales_daily differ from a rebuild" in after.output
    assert (told["passed"], told["findings"][0]["finding"]) == (False, "proof")
    assert told["proof"] == {"closed_days": 2, "unproven_days": 1, "oldest_unproven_day": "2026-01-01"}


def found_by(lake: Lake) -> set[str]:
    found = prove(lake, DAY, 45, NOW)
    assert found is not None
    return {name for name, wrong in ((AUDIT, audit(lake).findings), (PROOF, found.height)) if wrong}
