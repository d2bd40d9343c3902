"""The topic of events as the settings name it, and the time: what a command needs that does without Dagster.

Add here: how a setting becomes a connection. Not here: what Dagster loads (`definitions`), whose import takes seconds.
"""

from datetime import UTC, datetime

from resources.kafka_reader import KafkaReader
from resources.schema_registry import SchemaRegistry
from salesinsights_dagster.broker import find_kafka
from salesinsights_dagster.settings import Settings


def open_reader(settings: Settings) -> KafkaReader:
    """A reader of the topic. Raises KafkaUnavailableError where no cluster is named and none runs."""
    return KafkaReader(find_kafka(settings), settings.topic, registry=registry_of(settings))


def registry_of(settings: Settings) -> SchemaRegistry | None:
    """The Schema Registry of these settings, if they name one."""
    return SchemaRegistry.open(settings.schema_registry) if settings.schema_registry else None


def utc_now() -> datetime:
    """The system's clock; everything below gets the time passed in."""
    return datetime.now(UTC)
