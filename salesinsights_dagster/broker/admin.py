"""Questions and orders to a Kafka cluster that are not about messages.

Add here: what an AdminClient is needed for while a broker is started or looked at.
Not here: reading and writing messages (`resources`).
"""

from confluent_kafka.admin import AdminClient

from resources.kafka_connection import KafkaConnection


def ask_cluster_id(connection: KafkaConnection, timeout_seconds: float) -> str | None:
    """The identity of the cluster that answers; None while it has no broker that takes requests.

    Raises KafkaException where none answers in time.
    """
    metadata = AdminClient(connection.options()).list_topics(timeout=timeout_seconds)
    return metadata.cluster_id if metadata.brokers else None
