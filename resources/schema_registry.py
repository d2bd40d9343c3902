"""Asks a Schema Registry for the schema behind a number. Needs the extra `salesinsights[avro]`.

Add here: how a registry is reached. Not here: how a value is read by its schema (`assets.events.avro_decoder`).
"""

import importlib.util
from collections.abc import Mapping
from typing import Any

from resources.foreseen_error import ForeseenError

MISSING = "a Schema Registry is set, but its client is missing: pip install 'salesinsights[avro]'"
_UNKNOWN = 404


class RegistryError(ForeseenError):
    """The registry could not be asked; the message says why and what to do."""


class SchemaRegistry:
    """The schemas of one registry, by the number in front of each value."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @classmethod
    def open(cls, options: Mapping[str, str]) -> "SchemaRegistry":
        """Take the client's own option names, such as `url` and `basic.auth.user.info`. Sends no request yet.

        Raises RegistryError if the extra is missing or the client refuses an option.
        """
        if any(importlib.util.find_spec(name) is None for name in ("fastavro", "httpx2")):
            raise RegistryError(MISSING)
        from confluent_kafka.schema_registry import SchemaRegistryClient

        try:
            typed = {name: int(text) if text.isdigit() else text for name, text in options.items()}
            return cls(SchemaRegistryClient.new_client({"timeout": 10, **typed}))
        except (TypeError, ValueError) as error:
            raise RegistryError(f"a setting of the registry is wrong: {error}. Check SCHEMA_REGISTRY_*") from error

    def schema(self, number: int) -> str | None:
        """A schema's text; None if the registry has no such number. Raises RegistryError if it refuses or is silent."""
        from confluent_kafka.schema_registry.error import SchemaRegistryError
        from httpx2 import HTTPError

        try:
            return str(self._client.get_schema(number).schema_str)
        except SchemaRegistryError as error:
            if error.http_status_code == _UNKNOWN:
                return None
            raise RegistryError(f"the Schema Registry refused: {error}. Check SCHEMA_REGISTRY_*") from error
        except HTTPError as error:
            raise RegistryError(
                f"the Schema Registry did not answer ({error}): check that it runs, and SCHEMA_REGISTRY_URL"
            ) from error
