"""What messages of the catalogue's topic say, and what becomes of the catalogue's rows."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from assets.events.contract import EARLIEST
from assets.products.catalog_messages import REASONS, Told, read_messages, with_told
from assets.tables import CATALOG
from resources.kafka_reader import MESSAGES

NOON = datetime(2019, 10, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def messages(*said: tuple[bytes | None, bytes | None], at: datetime = NOON) -> pl.DataFrame:
    """Messages of one partition, each a key and a value."""
    rows = [(0, offset, at, key, value) for offset, (key, value) in enumerate(said)]
    return pl.DataFrame(rows, schema=MESSAGES, orient="row")


def rows(*told: Told, held: pl.DataFrame | None = None) -> list[tuple[object, ...]]:
    """Name, stock, since when, until when, and when the stock was stated."""
    catalog = with_told(CATALOG.schema.to_frame() if held is None else held, list(told))
    assert catalog.schema == CATALOG.schema
    return catalog.select("product_id", "name", "stock", "valid_from", "valid_to", "stock_at").rows()


def test_a_message_has_the_columns_of_a_file() -> None:
    value = {"product_id": 5, "name": " Lipstick ", "category_code": "a.b", "brand": "", "cost": 1.10, "stock": "7"}

    told, refused = read_messages(messages((b"5", json.dumps(value).encode()), (b"6", None), (b"7", b"{}")), NOON)

    facts = {"name": "Lipstick", "category": "a.b", "brand": None, "cost": Decimal("1.10"), "stock": 7}
    assert told == [Told(5, NOON, facts), Told(6, NOON, None), Told(7, NOON, {})]
    assert refused.is_empty()


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (None, b"{}", "bad_key"),
        (b"x5", b"{}", "bad_key"),
        (b"1234567890123456789", None, "bad_key"),
        (b"\xff", b"{}", "bad_key"),
        (b"5", b'{"name": "\xff"}', "bad_utf8"),
        (b"5", b"", "not_json"),
        (b"5", b"{", "not_json"),
        (b"5", b'{"cost": NaN}', "not_json"),
        (b"5", b"{} {}", "not_json"),
        (b"5", b"[" * 100_000, "not_json"),
        (b"5", b"[]", "not_an_object"),
        (b"5", b"7", "not_an_object"),
        (b"5", b'{"name": "a", "name": "b"}', "duplicate_field"),
        (b"5", b'{"category": "a", "category_code": "b"}', "duplicate_field"),
        (b"5", b'{"product_id": 6}', "other_product"),
        (b"5", b'{"name": 7}', "bad_text"),
        (b"5", b'{"brand": "\\ud800"}', "bad_text"),
        (b"5", b'{"category": ["a"]}', "bad_text"),
        (b"5", b'{"name": "' + b"a" * 1_025 + b'"}', "bad_text"),
        (b"5", b'{"cost": 1.001}', "bad_cost"),
        (b"5", b'{"cost": true}', "bad_cost"),
        (b"5", b'{"cost": -1}', "bad_cost"),
        (b"5", b'{"stock": 1.5}', "bad_stock"),
        (b"5", b'{"stock": {"a": 1}}', "bad_stock"),
    ],
)
def test_a_bad_message_is_refused_with_a_reason_and_harms_no_other(
    key: bytes | None, value: bytes | None, reason: str
) -> None:
    told, refused = read_messages(messages((b"4", b"{}"), (key, value), (b"6", b"{}")), NOON)

    assert [one.product_id for one in told] == [4, 6]
    assert refused.select("offset", "key", "value", "reason").rows() == [(1, key, value, reason)]
    assert reason in REASONS


def test_every_reason_is_tried_and_documented() -> None:
    (tried,) = test_a_bad_message_is_refused_with_a_reason_and_harms_no_other.pytestmark  # type: ignore[attr-defined]

    assert {reason for *_, reason in tried.args[1]} == set(REASONS)
    page = Path("docs/products.md").read_text()
    assert [reason for reason in REASONS if reason not in page] == []


def test_a_message_from_the_future_counts_from_now_on() -> None:
    told, _ = read_messages(messages((b"5", None), at=NOON + HOUR), NOON)

    assert told[0].at == NOON


def test_what_is_told_closes_what_was_and_a_tombstone_ends_it() -> None:
    told = [Told(5, NOON, {"name": "a"}), Told(5, NOON + HOUR, {"name": "b"}), Told(5, NOON + 2 * HOUR, None)]

    assert rows(*told) == [
        (5, "a", None, EARLIEST, NOON + HOUR, None),
        (5, "b", None, NOON + HOUR, NOON + 2 * HOUR, None),
    ]
    again = Told(5, NOON + 3 * HOUR, {"name": "b"})
    assert rows(*told, again)[2] == (5, "b", None, NOON + 3 * HOUR, None, None)
    assert rows(Told(5, NOON, None)) == []


def test_a_fact_that_is_not_named_stays_and_a_stock_alone_makes_no_row() -> None:
    told = [Told(5, NOON, {"name": "a", "stock": 3}), Told(5, NOON + HOUR, {"stock": 2}), Told(5, NOON + 2 * HOUR, {})]

    assert rows(*told) == [(5, "a", 2, EARLIEST, None, NOON + HOUR)]


def test_the_order_of_messages_is_kept_whatever_their_times_say() -> None:
    tick = timedelta(microseconds=1)
    told = [Told(5, NOON, {"name": name}) for name in ("a", "b", "c")]

    assert rows(*told, Told(5, NOON - HOUR, None)) == [
        (5, "a", None, EARLIEST, NOON, None),
        (5, "b", None, NOON, NOON + tick, None),
        (5, "c", None, NOON + tick, NOON + 2 * tick, None),
    ]


def test_rows_of_other_products_stay() -> None:
    held = with_told(CATALOG.schema.to_frame(), [Told(4, NOON, {"name": "a"}), Told(5, NOON, {"name": "b"})])

    assert rows(Told(5, NOON, None), held=held) == [
        (4, "a", None, EARLIEST, None, None),
        (5, "b", None, EARLIEST, NOON, None),
    ]
