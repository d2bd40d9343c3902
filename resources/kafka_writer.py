"""Writes to Kafka: a named set of messages exactly once, or a topic that has one writer at a time.

Add here: a way to write that more than one caller needs. Not here: what the messages say.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException, Producer

from resources.foreseen_error import ForeseenError
from resources.kafka_connection import KafkaConnection, Option
from resources.kafka_reader import KafkaReader
from resources.topic_claim import Claim, commit_claim

TRANSACTION_SECONDS = 900
"""How long a transaction may last before Kafka aborts it, by a broker's defaults."""

Message = tuple[bytes | None, bytes | None]
"""A key and a value."""


class UndecidedTransactionError(ForeseenError):
    """It is not known yet what was published before; the message says how long to wait."""


class OnceWriter:
    """Publishes named sets of messages to `topic`, each exactly once; the topic `ledger` records which."""

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        ledger: str,
        timeout: float = 30,
        transaction_seconds: float = TRANSACTION_SECONDS,
    ) -> None:
        """`transaction_seconds`: how long a publication may last, and how long a killed one blocks every reader."""
        self._transaction_seconds = min(transaction_seconds, TRANSACTION_SECONDS)
        self._connection = connection
        self._topic = topic
        self._ledger = KafkaReader(connection, ledger, timeout)
        self._timeout = timeout

    def publish(self, name: str, messages: Iterable[Message], receipt: bytes) -> bool:
        """Publish the messages and the receipt in one transaction. If that was done before: send nothing, return False.

        Two writers of one name exclude each other: the later one fences off the earlier one. If anything raises,
        a reader of committed messages sees none of them. Raises UndecidedTransactionError while another open
        publication hides a part of the ledger.
        """
        options = _transactional(self._connection, f"salesinsights/{self._topic}/{name}", self._transaction_seconds)
        producer = Producer(options)
        producer.init_transactions(self._timeout)
        # Only now is every earlier transaction of this name decided.
        if self._is_published(name.encode()):
            return False
        producer.begin_transaction()
        try:
            for key, value in messages:
                _send(producer, self._topic, key, value)
            _send(producer, self._ledger.topic, name.encode(), receipt)
            producer.commit_transaction()
        except BaseException:
            producer.abort_transaction(self._timeout)
            raise
        return True

    def _is_published(self, name: bytes) -> bool:
        self._await_decided()
        state = self._ledger.state()
        chunks = self._ledger.read(state.start, state.end, rows=100_000)
        return any(name in chunk.messages["key"].to_list() for chunk in chunks)

    def _await_decided(self) -> None:
        """Wait for open transactions of other names: they hide what came after them, and we would publish it again."""
        deadline = time.monotonic() + self._timeout
        while self._ledger.undecided():
            if time.monotonic() > deadline:
                raise UndecidedTransactionError(
                    f"another publication to {self._topic} is still open, or was killed: wait for it, or for Kafka to "
                    f"end it ({TRANSACTION_SECONDS // 60} minutes at most), and try again; nothing was sent"
                )
            time.sleep(0.2)


class SoleWriter:
    """Writes to `topic` as its only writer: an earlier writer that still runs is fenced off, and fails.

    What that writer has not committed is gone. Raises KafkaException if the cluster refuses or is silent.
    """

    def __init__(self, connection: KafkaConnection, topic: str, timeout: float = 30) -> None:
        self._connection = connection
        self._producer = Producer(_transactional(connection, f"salesinsights/{topic}", TRANSACTION_SECONDS))
        self._topic = topic
        self._timeout = timeout
        self._producer.init_transactions(timeout)

    def publish(self, messages: Iterable[Message], claim: Claim) -> None:
        """Publish the messages and the claim in one transaction.

        If anything raises, a reader of committed messages sees none of them, or all if only Kafka's answer was lost:
        then the claim is there too.
        """
        with self._transaction():
            for key, value in messages:
                _send(self._producer, self._topic, key, value)
            commit_claim(self._connection, self._topic, claim, self._producer, self._timeout)

    def claim(self, claim: Claim) -> None:
        """Say who writes to the topic; a writer that was fenced off can't."""
        self.publish((), claim)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._producer.begin_transaction()
        try:
            yield
            self._producer.commit_transaction()
        except BaseException as error:
            # A writer that was fenced off has nothing to abort any more.
            if not (isinstance(error, KafkaException) and error.args[0].fatal()):
                self._producer.abort_transaction(self._timeout)
            raise


def _transactional(connection: KafkaConnection, name: str, seconds: float) -> dict[str, Option]:
    return connection.options(
        transactional_id=name,
        transaction_timeout_ms=int(seconds * 1_000),
        compression_type="lz4",
        linger_ms=20,
        queue_buffering_max_messages=200_000,
    )


def _send(producer: Producer, topic: str, key: bytes | None, value: bytes | None) -> None:
    """Hand over one message; wait while the client's queue is full."""
    while True:
        try:
            producer.produce(topic, value, key)
        except BufferError:
            producer.poll(0.1)
        else:
            return
