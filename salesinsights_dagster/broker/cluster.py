"""Which Kafka is used: the one that the environment names, else this home's local broker.

Add here: a rule for choosing between them.
Not here: reading the environment (`settings`), what is then done with the cluster.
"""

from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaUnavailableError
from salesinsights_dagster.broker.local_broker import LocalBroker
from salesinsights_dagster.settings import Settings


def find_kafka(settings: Settings) -> KafkaConnection:
    """The connection to use.

    Raises KafkaUnavailableError if no cluster is named and the local broker does not run.
    """
    if settings.kafka is not None:
        return settings.kafka
    servers = LocalBroker(settings.broker_home).status().bootstrap_servers
    if servers is None:
        raise KafkaUnavailableError(
            "No Kafka runs: start one with `salesinsights kafka start`, or set KAFKA_BOOTSTRAP_SERVERS"
        )
    return KafkaConnection(servers)
