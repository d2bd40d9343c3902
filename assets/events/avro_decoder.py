"""Avro beside JSON: values in a Schema Registry's wire format, read by the schema that they were written with.

An Avro value begins with a zero byte, which no JSON text does, then the number of its schema in four bytes. Bronze
keeps the schemas in its table properties, so a day can be rebuilt without a registry.

A record becomes the JSON object of its fields. From there on it is parsed like any other message.
Add here: support for more of Avro. Not here: the contract (`contract`), the registry (`resources`).
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
"""How many unknown schemas are asked for at once; a topic has a handful."""

MAGIC, _HEAD = b"\x00", 5


def new_schemas(
    values: pl.Series, known: Schemas, registry: SchemaRegistry | None, most: int = MOST_AT_ONCE
) -> dict[int, str]:
    """The schemas that these values name and `known` lacks, from the registry. Schemas that it lacks are left out.

    Asks for `most` at most, the most frequent first: made-up schema numbers must not delay the stream.
    Returns nothing without a registry. Raises RegistryError if the registry does not answer.
    """
    if registry is None:
        return {}
    named = _numbers(values).value_counts().sort("count", "number", descending=[True, False])["number"]
    unknown = [number for number in named if number not in known]
    found = {number: registry.schema(number) for number in unknown[:most]}
    return {number: text for number, text in found.items() if text is not None}


def _numbers(values: pl.Series) -> pl.Series:
    """The schema numbers of the values that are Avro."""
    is_avro = pl.col("value").bin.starts_with(MAGIC) & (pl.col("value").bin.size() >= _HEAD)
    number = pl.col("value").bin.slice(1, 4).bin.reinterpret(dtype=pl.UInt32, endianness="big")
    return values.to_frame("value").filter(is_avro).select(number.alias("number")).to_series()


def is_avro(values: pl.Series, schemas: Schemas) -> pl.Series:
    """Which values to read as Avro: none while there is no schema at all."""
    if not schemas:
        return pl.repeat(False, len(values), dtype=pl.Boolean, eager=True)
    return values.bin.starts_with(MAGIC).fill_null(value=False)


def to_json(value: bytes, schemas: Schemas) -> tuple[bytes | None, str | None, str | None]:
    """An Avro value as JSON text, or the reason why it can't be read, and its detail.

    Raises RegistryError without the extra `salesinsights[avro]`.
    """
    number = int.from_bytes(value[1:_HEAD])
    if len(value) < _HEAD or number not in schemas:
        return None, "unknown_schema", f"schema {number}"
    read, body = _reader(schemas[number]), BytesIO(value[_HEAD:])
    try:
        text = json.dumps(read(body), default=_plain).encode()
    # fastavro does not document what it raises for a corrupt body, and no message may stop the stream.
    except Exception as error:  # noqa: BLE001
        return None, "bad_avro", f"schema {number}: {type(error).__name__} {error}"[:200]
    if body.read(1):
        return None, "bad_avro", f"schema {number}: bytes are left over"
    return text, None, None


@cache
def _reader(schema: str) -> Callable[[BytesIO], object]:
    """A function that reads a body. For a schema that is not Avro, or refers to others, one that always raises."""
    try:
        import fastavro
    except ImportError as error:
        raise RegistryError(MISSING) from error
    try:
        parsed = fastavro.parse_schema(json.loads(schema))
    except (ValueError, fastavro.schema.SchemaParseException, fastavro.repository.SchemaRepositoryError) as error:
        return partial(_refuse, f"not a self-contained Avro schema: {error}")
    return lambda body: fastavro.schemaless_reader(body, parsed, None)


def _refuse(why: str, body: BytesIO) -> NoReturn:
    raise ValueError(why)


def _plain(value: Any) -> str:
    """Text for types that JSON lacks: times in ISO 8601, decimals without the zeros that their scale adds."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        whole, point, fraction = f"{value:f}".partition(".")
        return f"{whole}{point}{fraction}".rstrip("0").rstrip(".") if point else whole
    return str(value)
