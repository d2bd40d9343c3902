"""One good message, and how the cases are written as changes to it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from tests.assets.events.row_parser import Event

KAFKA_TIMESTAMP = datetime(2019, 10, 1, 0, 0, 10, tzinfo=UTC)

TOKENS = {
    "event_time": '"2019-10-01 00:00:00 UTC"',
    "event_type": '"view"',
    "product_id": "44600062",
    "category_id": "2103807459595387724",
    "category_code": '"appliances.kitchen"',
    "brand": '"shiseido"',
    "price": "35.79",
    "user_id": "541312140",
    "user_session": '"72d76fde-8bb3-4e00-8c23-a032dfed738c"',
    "event_id": '"e-1"',
}
"""The JSON text of each field."""

EVENT: Event = {
    "event_time": datetime(2019, 10, 1, tzinfo=UTC),
    "event_type": "view",
    "product_id": 44600062,
    "category_id": 2103807459595387724,
    "category_code": "appliances.kitchen",
    "brand": "shiseido",
    "price": Decimal("35.79"),
    "user_id": 541312140,
    "user_session": "72d76fde-8bb3-4e00-8c23-a032dfed738c",
    "event_id": "e-1",
}
"""The fields of the same message, typed."""


@dataclass(frozen=True)
class Case:
    """A message and its verdict by the contract: the typed fields, or the reason for refusing it."""

    name: str
    value: bytes | None
    outcome: Event | str
    kafka_timestamp: datetime = KAFKA_TIMESTAMP


def message(extra: str = "", **tokens: str | None) -> bytes:
    """The good message with different JSON text for some fields; None omits one; `extra` stands before the end."""
    members = [f'"{field}":{token}' for field, token in (TOKENS | tokens).items() if token is not None]
    return ("{" + ",".join(members) + extra + "}").encode()


def changed(field: str, token: str | None) -> bytes:
    """The good message with different JSON text for one field."""
    return message("", **{field: token})


def accepted(**changes: object) -> Event:
    """The good event, typed, with some fields changed."""
    return EVENT | changes


def field_case(field: str, name: str, token: str, outcome: Event | str) -> Case:
    return Case(f"{field}: {name}", changed(field, token), outcome)


def joined(members: list[str], comma: str = ",", before: str = "", after: str = "") -> bytes:
    """An object of these members, joined by `comma`, between `before` and `after`."""
    return (before + "{" + comma.join(members) + "}" + after).encode()


def nested(opening: str, closing: str, levels: int) -> str:
    return opening * levels + "1" + closing * levels


GOOD = message()
MEMBERS = [f'"{field}":{token}' for field, token in TOKENS.items()]
MEGABYTE = "x" * 1_000_000
