"""Writing to Kafka: one named set of messages, all of it once or nothing; or a topic that one writer at a time changes.

Add here: a way to write that more than one caller needs. Not here: what the messages say.
"""

import time
from collections.abc import Iterable

from confluent_kafka import KafkaException, Producer

from resources.kafka_connection import KafkaConnection, Option
from resources.kafka_reader import KafkaReader

TRANSACTION_SECONDS = 900
"""How long a transaction may last at most before Kafka ends it, by a broker's defaults."""

Message = tuple[bytes | None, bytes | None]
"""A key and a value."""


class UndecidedTransactionError(RuntimeError):
    """What was published before can't be told yet; the message says for how long."""


class OnceWriter:
    """Publishes named sets of messages to `topic`, each exactly once; `ledger` is the topic that says which."""

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        ledger: str,
        timeout: float = 30,
        transaction_seconds: float = TRANSACTION_SECONDS,
    ) -> None:
        """`transaction_seconds`: how long a publication may last, and a killed one keep every reader waiting."""
        self._transaction_seconds = min(transaction_seconds, TRANSACTION_SECONDS)
        self._connection = connection
        self._topic = topic
        self._ledger = KafkaReader(connection, ledger, timeout)
        self._timeout = timeout

    def publish(self, name: str, messages: Iterable[Message], receipt: bytes) -> bool:
        """Publish the messages and the receipt in one transaction; False, and nothing sent, if that was done before.

        Two writers of one name exclude each other: the later one fences the earlier one off. If anything raises,
        a reader of committed messages sees none of them. Raises UndecidedTransactionError while another publication
        keeps the ledger from being read.
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
        """An open transaction of another name hides what was published after it; a repeat would go unnoticed."""
        deadline = time.monotonic() + self._timeout
        while self._ledger.undecided():
            if time.monotonic() > deadline:
                raise UndecidedTransactionError(
                    f"another publication to {self._topic} is still open, or was killed: wait for it, or for Kafka to "
                    f"end it ({TRANSACTION_SECONDS // 60} minutes at most), and try again; nothing was sent"
                )
            time.sleep(0.2)


class SoleWriter:
    """Writes to `topic` as the only one that does: an earlier writer that still runs is fenced off, and fails.

    What that one had begun and not committed is gone. Raises KafkaException where the cluster refuses or is silent.
    """

    def __init__(self, connection: KafkaConnection, topic: str, timeout: float = 30) -> None:
        self._producer = Producer(_transactional(connection, f"salesinsights/{topic}", TRANSACTION_SECONDS))
        self._topic = topic
        self._timeout = timeout
        self._producer.init_transactions(timeout)

    def publish(self, messages: Iterable[Message]) -> None:
        """Publish the messages in one transaction; if anything raises, a reader of committed messages sees none."""
        self._producer.begin_transaction()
        try:
            for key, value in messages:
                _send(self._producer, self._topic, key, value)
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
    """Hand one message over, and wait while the client's queue is full."""
    while True:
        try:
            producer.produce(topic, value, key)
        except BufferError:
            producer.poll(0.1)
        else:
            return
