"""A process that updates a replica of gold and is killed at a named moment.

Add here: a moment. Not here: what must hold afterwards.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Producer

from assets.serving.audience_topic import AudienceTopic
from assets.serving.cart_topic import CartTopic
from assets.serving.postgres_replica import PostgresReplica
from assets.serving.sales_topic import SalesTopic
from assets.serving.table_topic import TableTopic
from assets.stream.replicas import Replica
from resources import kafka_writer
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake
from resources.lake_table import LakeTable
from resources.postgres import PostgresTables
from tests.faults.killed_run import die
from tests.faults.standby import Standby

NOW = datetime(2020, 1, 2, tzinfo=UTC)
PATIENCE = 60

TOPIC_MOMENTS = (
    *("after the claim", "before sending", "in the middle", "before the commit", "after the commit", "after the mark"),
)


def catch_up_and_die(standby: Standby, replica: Replica, lake: Lake, moment: str) -> int:
    """The exit code of the process: minus the signal that ended it."""
    return standby.run(catch_up, *_made_of(replica), lake.root, moment).exit_code


TOPICS = {kind.__name__: kind for kind in (SalesTopic, AudienceTopic, CartTopic)}


def _made_of(replica: Replica) -> tuple[str, str, str]:
    if isinstance(replica, PostgresReplica):
        return "", "", replica.url
    assert isinstance(replica, TableTopic)
    return type(replica).__name__, replica.name, replica.connect().bootstrap_servers


def arm_topic(moment: str) -> None:
    writer = kafka_writer.SoleWriter
    if moment == "after the claim":
        _die_after(writer, "claim")
    if moment == "before sending":
        setattr(writer, "publish", die)  # noqa: B010
    if moment == "in the middle":
        publish = writer.publish
        setattr(writer, "publish", lambda self, messages, claim: publish(self, _half(messages), claim))  # noqa: B010
        setattr(kafka_writer, "Producer", SendingAtOnce)  # noqa: B010
    if moment == "before the commit":
        setattr(kafka_writer, "Producer", _dying_at_commit(Producer, 2))  # noqa: B010
    if moment == "after the commit":
        _die_after(writer, "publish")
    if moment == "after the mark":
        _die_after(LakeTable, "replace")


def _half(messages: Any) -> Any:
    listed = list(messages)
    yield from listed[: len(listed) // 2]
    die()


class SendingAtOnce(Producer):
    """What was handed over before the kill has reached Kafka."""

    def produce(self, *message: Any, **how: Any) -> None:
        super().produce(*message, **how)
        assert self.flush(PATIENCE) == 0


def _dying_at_commit(kind: type[Any], number: int) -> type[Any]:
    """The first commit is that of the claim."""
    left = iter(range(number - 1, -1, -1))

    def commit(producer: Any, *_: Any) -> None:
        if next(left):
            kind.commit_transaction(producer)
            return
        assert producer.flush(PATIENCE) == 0
        die()

    return type("DyingProducer", (kind,), {"commit_transaction": commit})


def _die_after(owner: type[Any], name: str) -> None:
    done: Callable[..., object] = getattr(owner, name)

    def then_die(*arguments: Any) -> None:
        done(*arguments)
        die()

    setattr(owner, name, then_die)


def arm_postgres(moment: str) -> None:
    """Die before the statement of this number; 0 is right after the commit."""
    if moment == "0":
        _die_after(PostgresReplica, "catch_up")
        return
    left = iter(range(int(moment) - 1, -1, -1))
    do = PostgresTables._do

    def counted(tables: PostgresTables, statement: str) -> None:
        if next(left) == 0:
            die()
        do(tables, statement)

    setattr(PostgresTables, "_do", counted)  # noqa: B010


def catch_up(kind: str, name: str, address: str, root: str, moment: str) -> None:
    replica: Replica
    if kind:
        arm_topic(moment)
        replica = TOPICS[kind](name, lambda: KafkaConnection(address))
    else:
        arm_postgres(moment)
        replica = PostgresReplica(address)
    replica.catch_up(Lake(root), NOW)
    os._exit(0)
