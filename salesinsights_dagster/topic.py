"""The topic of events that the settings name, and the clock: for commands that run without Dagster.

Add here: how a setting becomes a connection. Not here: what Dagster loads (`definitions`), whose import takes seconds.
"""

from datetime import UTC, datetime

from resources.kafka_reader import KafkaReader
from resources.schema_registry import SchemaRegistry
from salesinsights_dagster.broker import find_kafka
from salesinsights_dagster.settings import Settings


def open_reader(settings: Settings) -> KafkaReader:
    """A reader of the topic. Raises KafkaUnavailableError if no cluster is named and no local broker runs."""
    return KafkaReader(find_kafka(settings), settings.topic, registry=registry_of(settings))


def registry_of(settings: Settings) -> SchemaRegistry | None:
    """The Schema Registry of these settings, if they name one."""
    return SchemaRegistry.open(settings.schema_registry) if settings.schema_registry else None


def utc_now() -> datetime:
    """The system's clock; all other code gets the time passed in."""
    return datetime.now(UTC)
