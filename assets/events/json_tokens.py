"""Parses one JSON value strictly into tokens of the contract's fields: the slow path, for values of unusual shape.

Nested or escaped keys, and everything that is not a flat JSON object, are read here one by one (about 100,000 a
second).
Add here: a structural reason. Not here: what a field's token must look like (`message_parser`).
"""

import json
from typing import NoReturn

from assets.events.contract import FIELDS

Tokens = tuple[str | None, ...]
"""Problem, its detail, and a JSON token (or None) for each field of the contract."""


class _Token(str):
    """A number as written."""


class _Pairs(list[tuple[str, object]]):
    """An object's keys and values, in order, repeated keys included."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_float=_Token, parse_int=_Token, parse_constant=_refuse_constant
)
_BLANKS = " \t\r\n"


def tokens_of(value: bytes | None) -> Tokens:
    """The tokens of one message's value, or its structural problem."""
    if value is None:
        return _problem("null_value")
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        return _problem("invalid_utf8", f"byte {error.start}")
    if not text.strip(_BLANKS):
        return _problem("empty_value")
    if text.startswith("\ufeff"):
        return _problem("byte_order_mark")
    return _read(text)


def decoded(text: str) -> tuple[object, int]:
    """The first JSON value of a text, and where it ends: an object as a list of pairs, a number as it is written.

    Raises ValueError where there is none, RecursionError where it is nested too deep.
    """
    return _DECODER.raw_decode(text, len(text) - len(text.lstrip(_BLANKS)))


def _read(text: str) -> Tokens:
    try:
        value, end = decoded(text)
    except RecursionError:
        return _problem("nested_too_deep")
    except ValueError as error:
        return _problem("not_json", str(error)[:200])
    if text[end:].strip(_BLANKS):
        return _problem("trailing_data", f"character {end}")
    if not isinstance(value, _Pairs):
        return _problem("not_an_object")
    return _object_tokens(value)


def _object_tokens(pairs: _Pairs) -> Tokens:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        return _problem("duplicate_key")
    return (None, None, *(_token(fields[name]) if name in fields else None for name in FIELDS))


def _token(value: object) -> str:
    if isinstance(value, _Token):
        return str(value)
    if isinstance(value, list):
        return "{}" if isinstance(value, _Pairs) else "[]"
    return json.dumps(value)


def _problem(reason: str, detail: str | None = None) -> Tokens:
    return (reason, detail, *(None for _ in FIELDS))


def unescape(token: str) -> str | None:
    """The text of a JSON string token; None if no table can hold it (NUL, half a surrogate pair)."""
    if not token.startswith('"'):
        return None
    text = json.loads(token)
    storable = "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
    return text if storable else None
