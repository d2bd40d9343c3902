"""Which users a message or a line names, by what it means: its user_id, its key, and what a refused one can be read as.

An accepted event is its user's, however the number is spelled. A refused message is read as far as it can be: Avro and
JSON decoded, a line cut into its columns, escapes resolved, a key as text or as a binary number. Where its user_id can
be read, it names that user; else every number in it may be one.
Add here: a way to read a refused message. Not here: where rows about a user are looked for (`upkeep.user_search`).
"""

import csv
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import polars as pl

from assets.events.avro_decoder import MAGIC, Schemas, to_json
from assets.events.json_tokens import decoded
from assets.events.message_parser import decode

NAMED = pl.Schema({"_row": pl.UInt32(), "user_id": pl.Int64(), "is_event": pl.Boolean()})
"""A row and a user that it names. `is_event` is False where an accepted event of somebody else has the user's key."""

_LAST = 2**63 - 1

_OTHER_FIELDS = ("event_time", "product_id", "category_id", "price")
"""What these hold is no user, whatever its number is."""

_SPELLED = re.compile(r"\s*[+-]?\d+\s*")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2})?")
_DIGITS = re.compile(r"\d+")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
"""Sessions are named so; their digits are nobody's number."""

_HIDDEN = r"[\\\x00]|[\p{Nd}--[0-9]]|(?:^|[^0-9A-Za-z.\"-])-?[0-9]+(?:\.[0-9]+)?[eE]"
"""Text in which a number may be spelled without its digits in a row: escapes, UTF-16, other digits, an exponent."""

_VARINT = re.compile(rb"(?=([\x80-\xff]{3,8}[\x00-\x7f]))")
"""What may be a number in a record of Avro that can't be read; shorter ones would be found anywhere."""

_INT, _LONG = 4, 8
_HEAD = 5


def may_name(values: pl.Series, user_id: int) -> pl.Series:
    """Which of these values or keys may name the user: all that do, and few others. Cheaper than to read them."""
    text = decode(values)
    found = text.str.contains(f"{abs(user_id)}|{_HIDDEN}")
    return (found | (text.is_null() & values.is_not_null())).fill_null(value=False)


def named_users(events: pl.DataFrame, is_line: pl.Series, schemas: Schemas) -> pl.DataFrame:
    """The users that parsed rows name, as NAMED; `_row` is the place in `events`, `is_line` says which are CSV lines.

    `events` has `key`, `value`, and the columns of `parse_events`. Refused rows are read one by one (about 50,000 a
    second), and so are the keys of accepted events that are not simply their user's number.
    """
    rows = events.select("key", "value", "user_id", "reason", is_line=is_line).with_row_index("_row")
    accepted, refused = rows.filter(pl.col("reason").is_null()), rows.filter(pl.col("reason").is_not_null())
    by_value = accepted.select("_row", "user_id", is_event=pl.lit(value=True))
    return pl.concat([by_value, _by_key(accepted.filter(~pl.col("is_line")), schemas), _by_reading(refused, schemas)])


def _by_key(accepted: pl.DataFrame, schemas: Schemas) -> pl.DataFrame:
    number = pl.when(pl.col("key").bin.size() == _LONG).then("key").bin.reinterpret(dtype=pl.Int64, endianness="big")
    own = (pl.col("key") == pl.col("user_id").cast(pl.String).cast(pl.Binary)) | (number == pl.col("user_id"))
    unusual = accepted.filter(~own.fill_null(value=False)).select("_row", "key", own="user_id")
    keys = _numbered(unusual["key"].unique())
    named = [(key, user) for key in keys for user in key_users(key, schemas) if _is_possible(user)]
    read = pl.DataFrame(named, {"key": pl.Binary(), "user_id": pl.Int64()}, orient="row")
    others = unusual.join(read, on="key").filter(pl.col("user_id") != pl.col("own"))
    return others.select("_row", "user_id", is_event=pl.lit(value=False))


def _numbered(keys: pl.Series) -> list[bytes]:
    """The keys that may hold a number: not those that are text without digits, such as the UUID of a session."""
    text = decode(keys)
    holds = text.str.replace_all(_UUID.pattern, " ").str.contains(r"[\\\x00-\x1f]|\p{Nd}")
    return keys.filter(holds | (text.is_null() & keys.is_not_null())).drop_nulls().to_list()


def _by_reading(refused: pl.DataFrame, schemas: Schemas) -> pl.DataFrame:
    read = (
        (row, user, True)
        for row, key, value, is_line in refused.select("_row", "key", "value", "is_line").iter_rows()
        for user in refused_users(key, value, schemas, is_line=is_line)
        if _is_possible(user)
    )
    return pl.DataFrame(list(read), NAMED, orient="row")


def _is_possible(user: int) -> bool:
    return -_LAST - 1 <= user <= _LAST


def refused_users(key: bytes | None, value: bytes | None, schemas: Schemas, *, is_line: bool) -> set[int]:
    """The users that a refused message names, or a refused line, whose `key` is its header."""
    if is_line:
        return line_users(key, value)
    return key_users(key, schemas) | value_users(value, schemas)


def is_unreadable(value: bytes | None, schemas: Schemas) -> bool:
    """Whether nothing can read these bytes: no record of a known schema, no text, no JSON but for a broken letter."""
    if value is None:
        return False
    if value.startswith(MAGIC):
        return to_json(value, schemas)[0] is None
    return decode(pl.Series([value], dtype=pl.Binary))[0] is None and not any(map(_is_json, _texts(value)))


def value_users(value: bytes | None, schemas: Schemas) -> set[int]:
    """The users that a refused value names."""
    if value is None:
        return set()
    if value.startswith(MAGIC):
        record = to_json(value, schemas)[0]
        if record is None:
            return set().union(*map(_text_users, _texts(value))) | {_zigzag(one) for one in _VARINT.findall(value)}
        value = record
    return set().union(*map(_text_users, _texts(value)))


def _texts(value: bytes) -> set[str]:
    """What these bytes may be as text, without a byte-order mark: UTF-8, or UTF-16 where there are NULs."""
    if value[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return {value.decode("utf-16", "replace")}
    text = value.decode("utf-8", "replace").removeprefix("\ufeff")
    if "\0" not in text:
        return {text}
    return {text, text.replace("\0", ""), *(value.decode(order, "replace") for order in ("utf-16-le", "utf-16-be"))}


def _text_users(text: str) -> set[int]:
    try:
        read, end = decoded(text)
    except (ValueError, RecursionError):
        return set(_numbers(text))
    users = _object_users(read) if isinstance(read, list) else set(_scanned(read))
    return users | set(_numbers(text[end:]))


def _is_json(text: str) -> bool:
    try:
        decoded(text)
    except (ValueError, RecursionError):
        return False
    return True


def line_users(header: bytes | None, line: bytes | None) -> set[int]:
    """The users that a refused line of CSV names."""
    text = (line or b"").decode("utf-8", "replace")
    try:
        (names,), (fields,) = csv.reader([(header or b"").decode()]), csv.reader([text.rstrip("\r")], strict=True)
    except (csv.Error, ValueError):
        return set(_numbers(text))
    if len(names) != len(fields):
        return set(_numbers(text))
    return _object_users(list(zip(names, fields, strict=True)))


def key_users(key: bytes | None, schemas: Schemas) -> set[int]:
    """The users that a key names: as text, as JSON, as a record or a number of Avro, or as a big-endian integer."""
    if key is None:
        return set()
    if key.startswith(MAGIC) and (record := to_json(key, schemas)[0]) is not None:
        return value_users(record, schemas)
    found = value_users(key, schemas)
    if _is_plain(key):
        return found
    if len(key) in (_INT, _LONG):
        found.add(int.from_bytes(key, signed=True))
    return found | ({_zigzag(key[_HEAD:])} if _is_one_number(key) else set())


def _is_plain(key: bytes) -> bool:
    try:
        return key.decode().isprintable()
    except UnicodeDecodeError:
        return False


def _is_one_number(key: bytes) -> bool:
    """Whether it is a number in Avro's wire format: every byte of the body but the last has a successor."""
    *more, last = key[_HEAD:] or b"\xff"
    return key.startswith(MAGIC) and last < 128 and all(byte >= 128 for byte in more) and len(more) < 10


def _zigzag(body: bytes) -> int:
    number = sum((byte & 127) << 7 * place for place, byte in enumerate(body))
    return number >> 1 ^ -(number & 1)


def _object_users(pairs: list[Any]) -> set[int]:
    """The users of an object's fields: those in `user_id` if they can be read, else every number that may be one."""
    if not all(isinstance(pair, tuple) for pair in pairs):
        return set(_scanned(pairs))
    spelled = [_spelled(value) for name, value in pairs if name == "user_id"]
    if spelled and None not in spelled:
        return {user for user in spelled if user is not None}
    return set(_scanned([pair for pair in pairs if pair[0] not in _OTHER_FIELDS]))


def _spelled(value: object) -> int | None:
    """The user that one field spells, in any way that can only mean that number."""
    if not isinstance(value, str):
        return None
    if _SPELLED.fullmatch(value):
        return int(value) if len(value) < 40 else None
    return max(_whole(value), default=None) if _NUMBER.fullmatch(value) else None


def _scanned(value: object) -> Iterator[int]:
    """Every number in a JSON value, at any depth: bare, or within a string or a key."""
    left = [value]
    while left:
        part = left.pop()
        if isinstance(part, str):
            yield from _numbers(part)
        elif isinstance(part, list | tuple):
            left.extend(part)


def _numbers(text: str) -> Iterator[int]:
    """Every number that a text holds, escapes resolved, with either sign."""
    plain = _UUID.sub(" ", _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text))
    for spelled in _NUMBER.findall(plain):
        yield from _whole(spelled)
    for digits in _DIGITS.findall(plain):
        yield from _signed(digits, int)


def _whole(number: str) -> Iterator[int]:
    """A number with a fraction or an exponent, if it is whole."""
    if number.isdecimal() or len(number) > 40:
        return
    value = Decimal(number)
    if value.adjusted() < 19 and value == value.to_integral_value():
        yield from _signed(number, lambda _: int(value))


def _signed(text: str, read: Callable[[str], int]) -> Iterator[int]:
    bare = text.lstrip("0") or "0"
    if len(bare) <= 40 and (number := read(bare)) <= _LAST:
        yield from {number, -number}
