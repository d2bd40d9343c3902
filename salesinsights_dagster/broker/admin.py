"""Requests to a Kafka cluster that are not about messages.

Add here: what needs an AdminClient while a broker is started or inspected.
Not here: reading and writing messages (`resources`).
"""

from confluent_kafka.admin import AdminClient

from resources.kafka_connection import KafkaConnection


def ask_cluster_id(connection: KafkaConnection, timeout_seconds: float) -> str | None:
    """The id of the cluster that answers; None while it has no broker that takes requests.

    Raises KafkaException if none answers in time.
    """
    metadata = AdminClient(connection.options()).list_topics(timeout=timeout_seconds)
    return metadata.cluster_id if metadata.brokers else None
