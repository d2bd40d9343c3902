"""A process that publishes a file of the input folder and is killed at a named moment."""

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from confluent_kafka import Consumer, Producer, TopicPartition

from assets.intake import csv_publisher, input_folder
from assets.intake.input_folder import Inbox, InputFolder, publish_file
from resources import kafka_writer
from resources.kafka_connection import KafkaConnection
from tests.faults.interleaving import CrashError
from tests.faults.standby import Standby

PARTITIONS = 3
PATIENCE = 60


def publish_in_a_process(standby: Standby, kafka: KafkaConnection, topic: str, path: Path, killed: str) -> int:
    """The exit code of the process: minus the signal that ended it."""
    return standby.run(publish, kafka.bootstrap_servers, topic, str(path), killed).exit_code


def sent(kafka: KafkaConnection, topic: str) -> int:
    """How many offsets the topic has, committed or not."""
    consumer = Consumer(kafka.options(group_id="faults", isolation_level="read_uncommitted"))
    try:
        places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        return sum(consumer.get_watermark_offsets(place, timeout=10)[1] for place in places)
    finally:
        consumer.close()


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingProducer(Producer):
    """Sends everything to the broker and dies before it asks for the commit."""

    def commit_transaction(self, *_: Any) -> None:
        assert self.flush(PATIENCE) == 0
        die()


class VanishingProducer(Producer):
    """Sends everything to the broker and then stays silent, as if its process had died."""

    vanished: ClassVar[list[Producer]] = []
    """Keeps the producers: a collected one ends its transaction."""

    def commit_transaction(self, *_: Any) -> None:
        assert self.flush(PATIENCE) == 0
        self.vanished.append(self)
        raise CrashError

    def abort_transaction(self, *_: Any) -> None:
        pass


def arm(kafka: KafkaConnection, topic: str, killed: str) -> None:
    if killed == "before the commit":
        setattr(kafka_writer, "Producer", DyingProducer)  # noqa: B010
    if killed == "before the move":
        setattr(InputFolder, "put_away", die)  # noqa: B010
    if killed == "in the middle":
        publish = partial(csv_publisher.publish_csv, on_row=die_halfway(kafka, topic))
        setattr(input_folder, "publish_csv", publish)  # noqa: B010


def die_halfway(kafka: KafkaConnection, topic: str) -> Callable[[int], None]:
    """Die after the first thousand rows, once the broker has some of them."""

    def halfway(row: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while not sent(kafka, topic) and time.monotonic() < deadline:
            pass
        die()

    return halfway


def publish(servers: str, topic: str, path: str, killed: str) -> None:
    kafka = KafkaConnection(servers)
    arm(kafka, topic, killed)
    folder = InputFolder(Path(path).parent)
    publish_file(Inbox(folder, topic, lambda: kafka, lambda: datetime.now(UTC)), Path(path))
