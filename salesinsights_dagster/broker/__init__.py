"""A local Apache Kafka, for a laptop or a test: real, one node, started and stopped from Python.

Add here: what concerns the broker as a program: its jars, settings, process, folder.
Not here: messages (`resources.kafka_reader`, `resources.kafka_writer`), the topics of the business.
"""

from salesinsights_dagster.broker.broker_error import BrokerError
from salesinsights_dagster.broker.cluster import find_kafka
from salesinsights_dagster.broker.local_broker import BrokerStatus, LocalBroker

__all__ = ["BrokerError", "BrokerStatus", "LocalBroker", "find_kafka"]
