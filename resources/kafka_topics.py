"""Creates topics.

Add here: what concerns a topic itself. Not here: which topics there are (`assets.tables.topics`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from resources.kafka_connection import KafkaConnection


@dataclass(frozen=True)
class Topic:
    """A topic's name, and how to create it if it is missing."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


def ensure_topic(connection: KafkaConnection, topic: Topic, timeout: float = 15) -> bool:
    """Create the topic with the cluster's default replication; False if it exists already, with any settings.

    Raises KafkaException if the cluster refuses or does not answer.
    """
    new = NewTopic(topic.name, num_partitions=topic.partitions, config=dict(topic.config))
    client = AdminClient(connection.options())
    try:
        client.create_topics([new], request_timeout=timeout)[topic.name].result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise
    return True
