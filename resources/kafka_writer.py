"""Writing to Kafka: one named set of messages, all of it once or nothing.

Add here: a way to write that more than one caller needs. Not here: what the messages say.
"""

import time
from collections.abc import Iterable

from confluent_kafka import Producer

from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader

TRANSACTION_SECONDS = 900
"""How long a transaction may last at most before Kafka ends it, by a broker's defaults."""

Message = tuple[bytes | None, bytes]
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
        producer = Producer(self._options(name))
        producer.init_transactions(self._timeout)
        # Only now is every earlier transaction of this name decided.
        if self._is_published(name.encode()):
            return False
        producer.begin_transaction()
        try:
            for key, value in messages:
                self._send(producer, self._topic, key, value)
            self._send(producer, self._ledger.topic, name.encode(), receipt)
            producer.commit_transaction()
        except BaseException:
            producer.abort_transaction(self._timeout)
            raise
        return True

    def _options(self, name: str) -> dict[str, str | int | float | bool]:
        return self._connection.options(
            transactional_id=f"salesinsights/{self._topic}/{name}",
            transaction_timeout_ms=int(self._transaction_seconds * 1_000),
            compression_type="lz4",
            linger_ms=20,
            queue_buffering_max_messages=200_000,
        )

    def _send(self, producer: Producer, topic: str, key: bytes | None, value: bytes) -> None:
        while True:
            try:
                producer.produce(topic, value, key)
            except BufferError:
                producer.poll(0.1)
            else:
                return

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
