"""What messages of the catalogue's topic say: facts of a product, that it is gone, or nothing that can be accepted.

A message's key is the product's number, its value a JSON object with the columns of a catalogue's file, and a null
value says that the product is gone. Such topics have few messages, so each is read by itself.
Add here: a reason why a message is refused. Not here: which facts there are (`tables.catalog`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from assets.events.contract import EARLIEST, LONGEST_TEXT
from assets.events.json_tokens import decoded
from assets.products.catalog import ALSO_CALLED, NUMBER
from assets.tables import CATALOG
from assets.tables.catalog import FACTS, HISTORIC

REASONS = {
    "bad_key": "the key is no product's number: up to 18 digits",
    "bad_utf8": "the value is not UTF-8",
    "not_json": "the value is not JSON",
    "not_an_object": "the value is not a JSON object",
    "duplicate_field": "a field appears twice in the object",
    "other_product": "product_id is not the number that the key has",
    "bad_text": f"a name, category, brand or picture_url is no text of at most {LONGEST_TEXT} characters",
    "bad_cost": "the cost is no number with at most ten digits before the point and two after it",
    "bad_stock": "the stock is no whole number",
}

_TICK = timedelta(microseconds=1)

_Row = dict[str, Any]

Facts = Mapping[str, object]
"""Facts of FACTS by name; those that a message does not name are not in it."""


@dataclass(frozen=True)
class Told:
    """What a message says of a product, from a moment on; without facts the product is gone."""

    product_id: int
    at: datetime
    facts: Facts | None


class _RefusedError(ValueError):
    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail[:200]


def read_messages(messages: pl.DataFrame, now: datetime) -> tuple[list[Told], pl.DataFrame]:
    """What messages say, in their order, and those that are refused, with `reason` and `detail`.

    `messages` has the columns of a Kafka reader. A message from the future counts from `now` on.
    """
    told, refused = list[Told](), list[_Row]()
    for message in messages.iter_rows(named=True):
        try:
            product, facts = _read(message["key"], message["value"])
        except _RefusedError as error:
            refused.append({**message, "reason": error.reason, "detail": error.detail})
        else:
            told.append(Told(product, min(message["kafka_timestamp"], now), facts))
    return told, pl.DataFrame(refused, schema={**messages.schema, "reason": pl.String(), "detail": pl.String()})


def _read(key: bytes | None, value: bytes | None) -> tuple[int, Facts | None]:
    number = (key or b"").decode("utf-8", "replace").strip()
    if not re.fullmatch(NUMBER["product_id"], number):
        raise _RefusedError("bad_key", number)
    if value is None:
        return int(number), None
    fields = _fields(value)
    if str(fields.get("product_id", number)) != number:
        raise _RefusedError("other_product", str(fields["product_id"]))
    return int(number), {name: _fact(name, fields[name]) for name in FACTS if name in fields}


def _fields(value: bytes) -> dict[str, object]:
    try:
        text = value.decode()
        found, end = decoded(text)
    except UnicodeDecodeError as error:
        raise _RefusedError("bad_utf8", f"byte {error.start}") from error
    except (ValueError, RecursionError) as error:
        raise _RefusedError("not_json", str(error)) from error
    if text[end:].strip():
        raise _RefusedError("not_json", f"something follows at character {end}")
    # A list of pairs is an object; an array is a plain list.
    if not isinstance(found, list) or type(found) is list:
        raise _RefusedError("not_an_object")
    named = [(ALSO_CALLED.get(name, name), one) for name, one in found]
    if len(dict(named)) < len(named):
        raise _RefusedError("duplicate_field")
    return dict(named)


def _fact(name: str, value: object) -> object:
    """The fact as its column holds it; a number is a text of its own kind, and an empty text says nothing."""
    if value is None or value == "":
        return None
    if name in NUMBER:
        if not isinstance(value, str) or not re.fullmatch(NUMBER[name], value):
            raise _RefusedError(f"bad_{name}", f"{name}: {value}")
        return Decimal(value) if name == "cost" else int(value)
    if type(value) is not str or len(value) > LONGEST_TEXT or any(0xD800 <= ord(one) <= 0xDFFF for one in value):
        raise _RefusedError("bad_text", f"{name}: {value!a}")
    return value.strip() or None


def with_told(held: pl.DataFrame, told: list[Told]) -> pl.DataFrame:
    """The catalogue's rows after all of this was told, in its order.

    A product's rows follow each other in time: what was told later, but is said to be older than the row that goes on,
    counts from a moment after that on.
    """
    touched = pl.col("product_id").is_in({one.product_id for one in told})
    products: dict[int, list[_Row]] = {}
    for row in held.filter(touched).sort("valid_from").iter_rows(named=True):
        products.setdefault(row["product_id"], []).append(row)
    for one in told:
        _tell(products.setdefault(one.product_id, []), one)
    changed = pl.DataFrame(list(_all(products)), schema=CATALOG.schema)
    return pl.concat([held.filter(~touched), changed]).sort("product_id", "valid_from")


def _all(products: Mapping[int, list[_Row]]) -> Iterator[_Row]:
    for rows in products.values():
        yield from rows


def _tell(rows: list[_Row], told: Told) -> None:
    last = rows[-1] if rows else None
    goes_on = last is not None and last["valid_to"] is None
    if last is not None and goes_on and told.facts is None:
        last["valid_to"] = _after(last["valid_from"], told.at)
    if told.facts is None:
        return
    row: _Row = dict.fromkeys(CATALOG.schema) | (last if last is not None and goes_on else {})
    row |= {"product_id": told.product_id, **told.facts}
    if "stock" in told.facts:
        row["stock_at"] = told.at if row["stock"] is not None else None
    if last is not None and goes_on and all(row[name] == last[name] for name in HISTORIC):
        last.update(row)
        return
    # Nobody said anything before: what is said first also stands for the sales before it.
    row["valid_from"] = EARLIEST if last is None else _after(last["valid_from"], told.at)
    if last is not None and goes_on:
        last["valid_to"] = row["valid_from"]
    elif last is not None:
        row["valid_from"] = max(row["valid_from"], last["valid_to"])
    rows.append(row)


def _after(begun: datetime, at: datetime) -> datetime:
    return max(at, begun + _TICK)
