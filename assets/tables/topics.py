"""Which Kafka topics there are, and how they are created where they are missing.

Add here: a topic. Not here: what its messages mean (`events.contract`).
"""

from resources.kafka_topics import Topic


def events_topic(name: str) -> Topic:
    """The shop's events. Kafka's own clock stamps them, since lateness and latency are measured from it."""
    return Topic(name, partitions=3, config={"message.timestamp.type": "LogAppendTime"})


def files_topic(name: str) -> Topic:
    """Beside the topic of events: one message per CSV file that was published to it, kept for ever."""
    return Topic(f"{name}.files", partitions=1, config={"cleanup.policy": "compact"})


def table_topic(name: str) -> Topic:
    """A table as gold has it: the newest message of each key is the row as it is."""
    return Topic(name, partitions=3, config={"cleanup.policy": "compact"})
