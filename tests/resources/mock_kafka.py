"""librdkafka's in-process broker as a fixture's Kafka, and a reader that works without what this broker lacks.

The mock broker knows no topic ids and creates topics by itself. It has four partitions a topic and keeps about 5 MB of
each. Tests on the real broker check that the real reader behaves the same.
"""

from collections.abc import Iterable

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader


class MockKafka:
    """A broker inside this process, as long as the object lives."""

    def __init__(self) -> None:
        self._broker = Producer({"test.mock.num.brokers": 1, "log_level": 2})
        address = next(iter(self._broker.list_topics(timeout=60).brokers.values()))
        self.connection = KafkaConnection(f"{address.host}:{address.port}")

    def publish(self, topic: str, values: Iterable[bytes | None], partition: int = 0) -> None:
        """Append the values to one partition, in order."""
        self.publish_keyed(topic, ((b"1", value) for value in values), partition)

    def publish_keyed(
        self, topic: str, messages: Iterable[tuple[bytes | None, bytes | None]], partition: int = 0
    ) -> None:
        """Append messages, each a key and a value, to one partition, in order."""
        producer = Producer(self.connection.options())
        for key, value in messages:
            producer.produce(topic, value, key, partition)
        assert producer.flush(60) == 0


class MockTopicReader(KafkaReader):
    """The real reader, with a topic id that the test chooses."""

    topic_id = "first"

    def _describe(self, admin: AdminClient) -> tuple[str, list[int]]:
        partitions = admin.list_topics(self.topic, timeout=60).topics[self.topic].partitions
        return self.topic_id, sorted(partitions)
