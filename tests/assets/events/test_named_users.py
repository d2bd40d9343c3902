"""Whom a refused message names, and whom it does not. The spellings that do are tried where a user is forgotten."""

import random
from datetime import UTC, datetime

import polars as pl
import pytest

from assets.bronze.forgotten_users import user_hash, without_forgotten
from assets.events.avro_decoder import NO_SCHEMAS
from assets.events.message_parser import parse_events
from assets.events.named_users import is_unreadable, key_users, line_users, value_users
from tests.assets.archive.month_lines import HEADER
from tests.conftest import event

USER = 463240011
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        event(user_id=7, price="x", product_id=USER),
        event(user_id=7, price="x", brand=f"{USER}"),
        event(user_id=None, product_id=USER),
        event(user_id=None, category_id=USER, user_session=None),
        event(user_id=None, price=USER),
        event(user_id=None, user_session="463240011-4dac-4778-8d2c-92e149dab885"[1:]),
        event(user_id=None, user_session="63240011-4dac-4778-8d2c-92e149dab885"),
        b"half 4632400110",
        b"half 1463240011",
        b'{"user_id": 1e999999999}',
        b"9" * 10_000,
        b"[" * 100_000,
        None,
    ],
)
def test_another_number_is_not_the_user(value: bytes | None) -> None:
    assert USER not in value_users(value, NO_SCHEMAS)


@pytest.mark.parametrize(
    "key", [b"4632400110", b"26dd6e6e-4dac-4778-8d2c-463240011885", b"", None, b"\0\0\0\0\0\0\0\x07"]
)
def test_another_key_is_not_the_users(key: bytes | None) -> None:
    assert USER not in key_users(key, NO_SCHEMAS)


@pytest.mark.parametrize("user", [-5, 0, 7, 2**31, 2**63 - 1, -(2**63)])
def test_a_number_of_any_size_and_sign_is_read(user: int) -> None:
    assert user in value_users(f'{{"user_id": {user}}}'.encode(), NO_SCHEMAS)
    assert user in key_users(user.to_bytes(8, signed=True), NO_SCHEMAS)


def test_no_message_can_stop_the_reading() -> None:
    chance = random.Random(1)
    odd = [
        b'{"user_id": 99999999999999999999}',
        b'{"user_id": "' + b"9" * 39 + b'"}',
        b"\0\0\0\0\1" + b"\xff" * 9 + b"\1",
    ]
    odd += [b"[" * 100_000, b"9" * 10_000, b"\xff\xfe\0", b"{", '{"user_id": "²"}'.encode()]
    odd += [chance.randbytes(chance.randrange(60)) for _ in range(300)]
    odd += [bytes(chance.choices(b'{}[]":,\\u0123456789eE.-+ \0\xd9\xa1', k=20)) for _ in range(700)]
    refused = [(key, value) for value in odd for key in (None, value)]
    accepted = [(key, event()) for key in odd]
    messages = pl.DataFrame([*refused, *accepted], {"key": pl.Binary, "value": pl.Binary}, orient="row")
    parsed = parse_events(messages.with_columns(kafka_timestamp=pl.lit(NOW)), {1: '"long"'})

    left = without_forgotten(parsed, {user_hash(USER + 1): NOW}, {1: '"long"'})

    assert left.height == messages.height


def test_a_field_that_is_there_twice_names_both() -> None:
    assert value_users(b'{"user_id": 1, "user_id": "2"}', NO_SCHEMAS) == {1, 2}


def test_a_line_names_its_user_and_no_other_column() -> None:
    line = f"noon,view,{USER},{USER},,runail,2.62,7,26dd6e6e".encode()

    assert line_users(HEADER.encode(), line) == {7}
    assert USER in line_users(HEADER.encode(), line + b",more")
    assert USER in line_users(None, line)


@pytest.mark.parametrize(
    ("value", "unreadable"),
    [(None, False), (b"half", False), (b'{"brand": "\xff"}', False), (b"\xff\x00", True), (b"\0\0\0\0\1x", True)],
)
def test_bytes_are_unreadable_if_they_are_neither_text_nor_a_known_record(
    value: bytes | None, unreadable: bool
) -> None:
    assert is_unreadable(value, NO_SCHEMAS) is unreadable
