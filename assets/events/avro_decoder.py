"""Avro beside JSON: values in a Schema Registry's wire format, read by the schema that they were written with.

Such a value begins with a zero byte, which no JSON text does, and the number of its schema in four bytes. The schemas
are kept with bronze's rows, in the properties of the table: a day can be rebuilt when no registry is left.

A record becomes the JSON object of its fields, and from there on meets the contract like any other message.
Add here: what of Avro the contract can take. Not here: the contract (`contract`), the registry (`resources`).
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from io import BytesIO
from typing import Any, NoReturn

import polars as pl

from resources.schema_registry import MISSING, RegistryError, SchemaRegistry

Schemas = Mapping[int, str]
"""The text of each schema, by its number."""

NO_SCHEMAS: Schemas = {}

MOST_AT_ONCE = 20
"""How many unknown schemas are asked for in one go; a topic has a handful."""

_MAGIC, _HEAD = b"\x00", 5


def new_schemas(values: pl.Series, known: Schemas, registry: SchemaRegistry | None) -> dict[int, str]:
    """The schemas that these values name and `known` lacks, as the registry has them; those that it lacks are left out.

    It is asked for MOST_AT_ONCE at most, the most frequent ones: values that make numbers up must not hold the stream
    up. Raises RegistryError if it is silent. Without a registry there is none.
    """
    if registry is None:
        return {}
    named = _numbers(values).value_counts().sort("count", "number", descending=[True, False])["number"]
    unknown = [number for number in named if number not in known]
    found = {number: registry.schema(number) for number in unknown[:MOST_AT_ONCE]}
    return {number: text for number, text in found.items() if text is not None}


def _numbers(values: pl.Series) -> pl.Series:
    """The numbers of the schemas of those values that are Avro."""
    is_avro = pl.col("value").bin.starts_with(_MAGIC) & (pl.col("value").bin.size() >= _HEAD)
    number = pl.col("value").bin.slice(1, 4).bin.reinterpret(dtype=pl.UInt32, endianness="big")
    return values.to_frame("value").filter(is_avro).select(number.alias("number")).to_series()


def is_avro(values: pl.Series, schemas: Schemas) -> pl.Series:
    """Which values are to be read as Avro: none as long as there is no schema at all."""
    found = values.bin.starts_with(_MAGIC).fill_null(value=False)
    return found if schemas else pl.zeros(len(values), dtype=pl.Boolean, eager=True)


def to_json(value: bytes, schemas: Schemas) -> tuple[bytes | None, str | None, str | None]:
    """An Avro value as JSON text; or the reason for which it can't be read, and its detail.

    Raises RegistryError without the extra.
    """
    number = int.from_bytes(value[1:_HEAD])
    if len(value) < _HEAD or number not in schemas:
        return None, "unknown_schema", f"schema {number}"
    read, body = _reader(schemas[number]), BytesIO(value[_HEAD:])
    try:
        text = json.dumps(read(body), default=_plain).encode()
    # What a corrupt body leads its decoder to is not documented, and no message may stop the stream.
    except Exception as error:  # noqa: BLE001
        return None, "bad_avro", f"schema {number}: {type(error).__name__} {error}"[:200]
    if body.read(1):
        return None, "bad_avro", f"schema {number}: bytes are left over"
    return text, None, None


@cache
def _reader(schema: str) -> Callable[[BytesIO], object]:
    """What reads a body; for a schema that is not Avro, or points to others, something that only raises."""
    try:
        import fastavro
    except ImportError as error:
        raise RegistryError(MISSING) from error
    try:
        parsed = fastavro.parse_schema(json.loads(schema))
    except (ValueError, fastavro.schema.SchemaParseException, fastavro.repository.SchemaRepositoryError) as error:
        return partial(_refuse, f"not a schema of Avro by itself: {error}")
    return lambda body: fastavro.schemaless_reader(body, parsed, None)


def _refuse(why: str, body: BytesIO) -> NoReturn:
    raise ValueError(why)


def as_text(values: pl.Series, schemas: Schemas) -> pl.Series:
    """The values as text that can be searched, whatever they are: Avro as JSON, bytes that are no text with marks."""

    def text(value: bytes) -> str:
        found = to_json(value, schemas)[0] if schemas and value.startswith(_MAGIC) else None
        return (found or value).decode("utf-8", "replace")

    return values.map_elements(text, pl.String)


def _plain(value: Any) -> str:
    """What JSON has no word for: times in ISO 8601, decimals as digits without the zeros that their scale adds."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        whole, point, fraction = f"{value:f}".partition(".")
        return f"{whole}{point}{fraction}".rstrip("0").rstrip(".") if point else whole
    return str(value)
