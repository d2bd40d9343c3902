"""A local Apache Kafka: one node in KRaft mode, in a folder of its own.

Add here: a thing to do with that broker as a whole.
Not here: its parts (`jars`, `storage`, `broker_process`, `broker_record`), its command line (`commands`).
"""

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from confluent_kafka import KafkaException

from resources.kafka_connection import KafkaConnection
from resources.kafka_topics import Topic, ensure_topic
from salesinsights_dagster.broker import admin, storage
from salesinsights_dagster.broker.broker_error import BrokerError, PortTakenError
from salesinsights_dagster.broker.broker_process import spawn
from salesinsights_dagster.broker.broker_record import BrokerRecord, load_record
from salesinsights_dagster.broker.file_lock import locked
from salesinsights_dagster.broker.jars import find_java, resolve_jars
from salesinsights_dagster.broker.ports import accepts, free_ports

DEFAULT_PORT = 9092
# The serial collector needs the least memory and threads, and starts as fast as G1. A broker that runs out of memory
# ends, instead of answering only some requests.
JVM_OPTIONS = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    f"-XX:ErrorFile={storage.LOGS}/hs_err_pid%p.log",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    f"-Dlog4j2.configurationFile={storage.LOGGING}",
)


@dataclass(frozen=True)
class BrokerStatus:
    """Whether the broker runs, and where; what is not known is None."""

    running: bool
    bootstrap_servers: str | None
    pid: int | None
    home: Path

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "home": str(self.home)}


def _silent(step: str) -> None:
    """Report nothing."""


class LocalBroker:
    """The broker of one home folder. Commands from several processes take turns.

    `libs` is where the jars are kept; several homes may share it.
    """

    def __init__(self, home: Path, libs: Path | None = None) -> None:
        self.home = home.absolute()
        self.libs = (libs or home / "libs").absolute()

    def status(self) -> BrokerStatus:
        """The state now; asks the system, not the broker."""
        record = self._running()
        if record is None:
            return BrokerStatus(False, None, None, self.home)
        return BrokerStatus(True, record.bootstrap_servers, record.process.pid, self.home)

    def start(
        self, port: int = DEFAULT_PORT, wait_seconds: float = 60, progress: Callable[[str], None] = _silent
    ) -> BrokerStatus:
        """Start the broker unless it runs; return once it answers. If `port` is taken, use a free one.

        `progress` is told each slow step. Raises BrokerError; then no broker is left running.
        """
        with self._locked():
            record = self._running()
            if record is not None:
                self._await_answer(record, wait_seconds)
                return self.status()
            try:
                self._launch(port, wait_seconds, progress)
            except PortTakenError:
                self._launch(0, wait_seconds, progress)
            return self.status()

    def stop(self, wait_seconds: float = 30) -> bool:
        """End the broker, by force after `wait_seconds`; False if none ran."""
        with self._locked():
            return self._stop(wait_seconds)

    def wipe(self) -> None:
        """End the broker and remove its data and logs."""
        with self._locked():
            self._stop(30)
            storage.check_unheld(self.home)
            storage.remove_data(self.home)

    def create_topic(self, name: str, partitions: int = 3, config: dict[str, str] | None = None) -> bool:
        """Create the topic; False if it exists already: it then stays as it is."""
        record = self._running()
        if record is None:
            raise BrokerError("The local broker does not run: start it with `salesinsights kafka start`")
        try:
            return ensure_topic(_connection(record), Topic(name, partitions, config or {}))
        except KafkaException as error:
            reason = error.args[0].str()
            raise BrokerError(f"The broker did not create the topic {name!r}: {reason}") from error

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self.home / "lock")

    @property
    def _record_path(self) -> Path:
        return self.home / "broker.json"

    def _running(self) -> BrokerRecord | None:
        record = load_record(self._record_path)
        return record if record and record.process.is_alive() else None

    def _stop(self, wait_seconds: float) -> bool:
        record = self._running()
        if record is not None:
            record.process.end(wait_seconds)
        self._record_path.unlink(missing_ok=True)
        return record is not None

    def _launch(self, port: int, wait_seconds: float, progress: Callable[[str], None]) -> None:
        storage.check_unheld(self.home)
        java = self._java_command(progress)
        storage.format_data(self.home, java)
        chosen, controller_port = free_ports(port)
        storage.write_settings(self.home, chosen, controller_port)
        progress(f"Starting Apache Kafka on port {chosen}")
        command = [*java, "kafka.Kafka", storage.SETTINGS]
        record = BrokerRecord(spawn(command, self.home, self.home / storage.CONSOLE), chosen)
        try:
            record.save(self._record_path)
            self._await_answer(record, wait_seconds)
        except BaseException:
            # Also on Ctrl-C: leave no broker running that nobody waited for.
            record.process.end(0)
            self._record_path.unlink(missing_ok=True)
            raise

    def _java_command(self, progress: Callable[[str], None]) -> list[str]:
        java = find_java()
        jars = resolve_jars(self.libs, progress)
        inside = jars.relative_to(self.home) if jars.is_relative_to(self.home) else jars
        return [java, *JVM_OPTIONS, "-cp", os.path.join(inside, "*")]

    def _await_answer(self, record: BrokerRecord, wait_seconds: float) -> None:
        ours = storage.cluster_id(self.home)
        deadline = time.monotonic() + wait_seconds
        while not _answers(record, ours):
            if not record.process.is_alive():
                raise self._ended()
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"Kafka did not answer on {record.bootstrap_servers} within {wait_seconds:g} s: "
                    f"stop other programs that keep the machine busy, or wait longer\n{storage.last_words(self.home)}"
                )
            time.sleep(0.1)

    def _ended(self) -> BrokerError:
        words = storage.last_words(self.home)
        if "Address already in use" in words:
            return PortTakenError(f"Kafka's port was taken by another program: start it again\n{words}")
        return BrokerError(
            "Kafka ended while it started: fix what its log names, or start over with "
            f"`salesinsights kafka wipe`\n{words}"
        )


def _connection(record: BrokerRecord) -> KafkaConnection:
    return KafkaConnection(record.bootstrap_servers)


def _answers(record: BrokerRecord, cluster_id: str) -> bool:
    """Whether this broker answers, and not a program that took its port."""
    if not accepts(record.port):
        return False
    try:
        return admin.ask_cluster_id(_connection(record), timeout_seconds=2) == cluster_id
    except KafkaException:
        return False
