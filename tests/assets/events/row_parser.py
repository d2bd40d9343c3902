"""A second implementation of the event contract, from docs/events.md alone: one message at a time, in plain Python.

The tests compare `assets.events.message_parser` with it. Add here: a rule of docs/events.md. Not here: speed.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.assets.events.strict_json import (
    BLANKS,
    DIGITS,
    Document,
    NotJsonError,
    Number,
    TooDeepError,
    Value,
    read_json,
)

"""Levels. The contract says "about a thousand", so no test may come near it."""

REQUIRED = ("event_time", "event_type", "product_id", "price", "user_id")
EVENT_TYPES = {
    "view": "view",
    "cart": "cart",
    "remove_from_cart": "remove_from_cart",
    "removefromcart": "remove_from_cart",
    "purchase": "purchase",
}
EARLIEST = datetime(2019, 1, 1, tzinfo=UTC)
LEAP_YEAR = 2000
"""A year with the calendar of the year 0000, which `datetime` does not know."""

Event = dict[str, Any]
"""The ten typed fields of an accepted message."""


class Refusal(Exception):  # noqa: N818 - the contract's word: a reason, not an error
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_row(value: bytes | None, kafka_timestamp: datetime) -> Event | str:
    """The typed fields of an accepted message, or the reason code of a refused one."""
    try:
        return _event(_fields(value), kafka_timestamp)
    except Refusal as refusal:
        return refusal.reason


def _fields(value: bytes | None) -> dict[str, Value]:
    """The members of the top-level object."""
    document = _document(_text(value))
    _refuse_if(document.rest.strip(BLANKS) != "", "trailing_data")
    if isinstance(document.value, Number | str | bool | None) or not document.value.is_object:
        raise Refusal("not_an_object")
    fields = dict(document.value.members)
    _refuse_if(len(fields) < len(document.value.members), "duplicate_key")
    return fields


def _text(value: bytes | None) -> str:
    if value is None:
        raise Refusal("null_value")
    _refuse_if(value.strip(BLANKS.encode()) == b"", "empty_value")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal("invalid_utf8") from None
    _refuse_if(text.startswith("\ufeff"), "byte_order_mark")
    return text


def _document(text: str) -> Document:
    try:
        return read_json(text)
    except NotJsonError:
        raise Refusal("not_json") from None
    except TooDeepError:
        raise Refusal("nested_too_deep") from None


def _event(fields: dict[str, Value], kafka_timestamp: datetime) -> Event:
    """Check in the order of the contract, so that the first reason that holds is given."""
    _refuse_if(any(fields.get(field) is None for field in REQUIRED), "missing_field")
    return {
        "event_time": _event_time(fields["event_time"], kafka_timestamp),
        "event_type": _event_type(fields["event_type"]),
        "product_id": _integer(fields["product_id"]),
        "category_id": _integer(fields.get("category_id")),
        "user_id": _integer(fields["user_id"]),
        "price": _price(fields["price"]),
        "category_code": _optional_text(fields.get("category_code")),
        "brand": _optional_text(fields.get("brand")),
        "user_session": _optional_text(fields.get("user_session")),
        "event_id": _optional_text(fields.get("event_id")),
    }


def _event_time(value: Value, kafka_timestamp: datetime) -> datetime:
    if not isinstance(value, str):
        raise Refusal("bad_event_time")
    _refuse_if(not _has_shape(value[:10], "0000-00-00") or value[10:11] not in ("T", " "), "bad_event_time")
    _refuse_if(not _has_shape(value[11:19], "00:00:00"), "bad_event_time")
    microsecond, zone = _fraction(value[19:])
    offset = _offset(zone)
    year, month, day = int(value[:4]), int(value[5:7]), int(value[8:10])
    hour, minute, second = int(value[11:13]), int(value[14:16]), int(value[17:19])
    try:
        local = datetime(year or LEAP_YEAR, month, day, hour, minute, second, microsecond, tzinfo=UTC)
    except ValueError:
        raise Refusal("bad_event_time") from None
    _refuse_if(year == 0, "event_time_out_of_range")
    return _in_range(local, offset, kafka_timestamp)


def _fraction(rest: str) -> tuple[int, str]:
    """The microseconds after the point, without further digits, and the text that follows."""
    if not rest.startswith("."):
        return 0, rest
    zone = rest[1:].lstrip(DIGITS)
    digits = rest[1 : len(rest) - len(zone)]
    _refuse_if(not 1 <= len(digits) <= 9, "bad_event_time")
    return int(digits[:6].ljust(6, "0")), zone


def _offset(zone: str) -> timedelta:
    if zone in (" UTC", "Z"):
        return timedelta(0)
    sign, clock = zone[:1], zone[1:]
    _refuse_if(sign not in ("+", "-"), "bad_event_time")
    _refuse_if(not _has_shape(clock, "00:00") and not _has_shape(clock, "0000"), "bad_event_time")
    hours, minutes = int(clock[:2]), int(clock[-2:])
    _refuse_if(hours > 23 or minutes > 59, "bad_event_time")
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if sign == "-" else offset


def _in_range(local: datetime, offset: timedelta, kafka_timestamp: datetime) -> datetime:
    try:
        moment = local - offset
    except OverflowError:
        raise Refusal("event_time_out_of_range") from None
    _refuse_if(not EARLIEST <= moment <= kafka_timestamp + timedelta(days=1), "event_time_out_of_range")
    return moment


def _has_shape(text: str, shape: str) -> bool:
    """Whether `text` has a digit wherever `shape` has 0, and the same characters elsewhere."""
    same_length = len(text) == len(shape)
    return same_length and all(
        character in DIGITS if mark == "0" else character == mark for character, mark in zip(text, shape, strict=True)
    )


def _event_type(value: Value) -> str:
    if not isinstance(value, str) or value not in EVENT_TYPES:
        raise Refusal("unknown_event_type")
    return EVENT_TYPES[value]


def _integer(value: Value) -> int | None:
    if value is None:
        return None
    if isinstance(value, Number):
        digits = value.text.removeprefix("-")
        negative = value.text.startswith("-")
    elif isinstance(value, str):
        digits, negative = value, False
    else:
        raise Refusal("bad_integer")
    _refuse_if(not _is_digits(digits), "bad_integer")
    significant = digits.lstrip("0")
    _refuse_if(len(significant) > 19, "integer_out_of_range")
    number = int(significant or "0") * (-1 if negative else 1)
    _refuse_if(not -(2**63) <= number < 2**63, "integer_out_of_range")
    return number


def _price(value: Value) -> Decimal:
    if not isinstance(value, str | Number):
        raise Refusal("bad_price")
    text = value.text if isinstance(value, Number) else value
    whole, point, decimals = text.removeprefix("-").partition(".")
    _refuse_if(not _is_digits(whole) or (point == "." and not _is_digits(decimals)), "bad_price")
    _refuse_if(len(decimals) > 2, "price_too_precise")
    _refuse_if(len(whole.lstrip("0")) > 10, "price_out_of_range")
    return Decimal(text)


def _is_digits(text: str) -> bool:
    return text != "" and all(character in DIGITS for character in text)


def _optional_text(value: Value) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise Refusal("bad_text")
    _refuse_if(len(value) > 1_024, "text_too_long")
    return value or None


def _refuse_if(holds: bool, reason: str) -> None:
    if holds:
        raise Refusal(reason)
