"""The local broker as a whole, with the real Apache Kafka."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner
from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from salesinsights_dagster.broker import BrokerError, LocalBroker, local_broker
from salesinsights_dagster.broker.commands import kafka
from salesinsights_dagster.broker.jars import resolve_jars
from salesinsights_dagster.broker.ports import free_ports

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """One broker for all tests, in a folder whose name would need quoting in a properties file."""
    folder = tmp_path_factory.mktemp("local, broker")
    broker = LocalBroker(folder / "kafka", libs=folder / "libs")
    yield broker
    broker.wipe()


@pytest.fixture
def broker(home: LocalBroker) -> LocalBroker:
    """The broker, running; a test that stopped it does not harm the next one."""
    home.start(free_ports(0)[0], wait_seconds=300)
    return home


def servers_of(broker: LocalBroker) -> str:
    servers = broker.status().bootstrap_servers
    assert servers is not None
    return servers


def pid_of(broker: LocalBroker) -> int:
    pid = broker.status().pid
    assert pid is not None
    return pid


def produce(broker: LocalBroker, topic: str, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": servers_of(broker)})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(20) == 0


def consume(broker: LocalBroker, topic: str, count: int) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": servers_of(broker), "group.id": "test", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    try:
        return consumer.consume(count, timeout=60)
    finally:
        consumer.close()


def values_of(messages: list[Message]) -> list[bytes | None]:
    return [message.value() for message in messages]


def brokers_inside(folder: Path) -> set[int]:
    """Every process that runs in this folder, and every JVM that this process started and has not reaped."""
    inside = {process.pid for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(folder)}
    zombies = {child.pid for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE}
    return inside | zombies


def test_second_start_finds_the_running_broker(broker: LocalBroker) -> None:
    before = broker.status()
    assert LocalBroker(broker.home).start() == before
    assert brokers_inside(broker.home) == {before.pid}


def test_it_listens_on_this_machine_only(broker: LocalBroker) -> None:
    listening = [c.laddr for c in psutil.Process(pid_of(broker)).net_connections("tcp") if c.status == "LISTEN"]
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert int(servers_of(broker).split(":")[1]) in {address.port for address in listening}
    assert len(listening) == 2


def test_it_has_a_session_of_its_own(broker: LocalBroker) -> None:
    assert os.getsid(pid_of(broker)) == pid_of(broker)


def test_a_topic_is_created_once_with_its_settings(broker: LocalBroker) -> None:
    assert broker.create_topic("once", 1, {"message.timestamp.type": "LogAppendTime"})
    assert not broker.create_topic("once", 5)
    admin = AdminClient({"bootstrap.servers": servers_of(broker)})
    assert len(admin.list_topics("once", timeout=10).topics["once"].partitions) == 1
    produce(broker, "once", b"stamped")
    assert [message.timestamp()[0] for message in consume(broker, "once", 1)] == [TIMESTAMP_LOG_APPEND_TIME]


def test_a_refused_topic_says_why(broker: LocalBroker) -> None:
    with pytest.raises(BrokerError, match=r"'no/slash'.*invalid"):
        broker.create_topic("no/slash")


def test_an_unknown_topic_is_not_created(broker: LocalBroker) -> None:
    errors: list[KafkaError | None] = []
    # The first answer is an error even if the topic is then created, so the producer gets time to ask again.
    producer = Producer({"bootstrap.servers": servers_of(broker), "message.timeout.ms": 1500})
    producer.produce("misspelled", b"lost", on_delivery=lambda error, message: errors.append(error))
    producer.flush(20)
    assert [error and error.code() for error in errors] == [KafkaError._MSG_TIMED_OUT]
    assert "misspelled" not in producer.list_topics(timeout=10).topics


def test_a_transaction_may_take_an_hour(broker: LocalBroker) -> None:
    broker.create_topic("transactional", 1)
    options = {"transactional.id": "month", "transaction.timeout.ms": 3_600_000}
    producer = Producer({"bootstrap.servers": servers_of(broker), **options})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce("transactional", b"committed")
    producer.commit_transaction(20)
    assert values_of(consume(broker, "transactional", 1)) == [b"committed"]


def test_the_command_line_means_the_same_broker(broker: LocalBroker) -> None:
    env = {"SALESINSIGHTS_HOME": str(broker.home.parent), "KAFKA_BOOTSTRAP_SERVERS": ""}
    result = CliRunner().invoke(kafka, ["status", "--json"], env=env)
    assert (result.exit_code, json.loads(result.stdout)) == (0, broker.status().as_dict())
    result = CliRunner().invoke(kafka, ["start"], env=env)
    assert result.stdout == f"Kafka runs on {servers_of(broker)} (process {pid_of(broker)})\n"
    result = CliRunner().invoke(kafka, ["stop"], env=env)
    assert (result.exit_code, result.stdout) == (0, "Kafka is stopped\n")
    assert not broker.status().running


def test_restart_on_another_port_keeps_the_messages(broker: LocalBroker) -> None:
    broker.create_topic("kept", 1)
    produce(broker, "kept", b"one", b"two")
    port = int(servers_of(broker).split(":")[1])
    assert broker.stop()
    with socket.create_server(("127.0.0.1", port)):
        assert broker.start(port).bootstrap_servers != f"127.0.0.1:{port}"
        produce(broker, "kept", b"three")
        assert values_of(consume(broker, "kept", 3)) == [b"one", b"two", b"three"]


def test_stop_leaves_no_process_and_no_record(broker: LocalBroker) -> None:
    assert broker.stop()
    assert brokers_inside(broker.home) == set()
    assert not (broker.home / "broker.json").exists()
    assert not broker.status().running
    assert not broker.stop()


def test_a_killed_broker_is_noticed_and_starts_again_with_its_messages(broker: LocalBroker) -> None:
    broker.create_topic("survives", 1)
    produce(broker, "survives", b"acknowledged")
    killed = psutil.Process(pid_of(broker))
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(10)
    assert not broker.status().running
    with pytest.raises(BrokerError, match="salesinsights kafka start"):
        broker.create_topic("late")
    assert broker.start().pid != killed.pid
    assert values_of(consume(broker, "survives", 1)) == [b"acknowledged"]


def test_starts_at_the_same_time_give_one_broker(broker: LocalBroker) -> None:
    broker.stop()
    with ThreadPoolExecutor(3) as pool:
        starts = [pool.submit(LocalBroker(broker.home, broker.libs).start) for _ in range(3)]
        started = {start.result() for start in starts}
    assert started == {broker.status()}
    assert brokers_inside(broker.home) == {pid_of(broker)}


def test_a_port_lost_to_another_program_is_replaced(broker: LocalBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    broker.stop()
    with socket.create_server(("127.0.0.1", 0)) as other:
        lost = other.getsockname()[1]
        answers = iter([(lost, free_ports(0)[1]), free_ports(0)])
        monkeypatch.setattr(local_broker, "free_ports", lambda preferred: next(answers))
        assert broker.start(lost).bootstrap_servers != f"127.0.0.1:{lost}"


def test_a_broker_without_a_record_is_neither_doubled_nor_wiped(broker: LocalBroker) -> None:
    record = broker.home / "broker.json"
    hidden = record.rename(record.with_name("hidden"))
    try:
        for command in (broker.start, broker.wipe):
            with pytest.raises(BrokerError, match="without a record"):
                command()
        assert (broker.home / "data").exists()
    finally:
        hidden.rename(record)


def test_wipe_ends_the_broker_and_removes_all_but_the_jars(broker: LocalBroker) -> None:
    broker.wipe()
    assert not broker.status().running
    assert not (broker.home / "data").exists()
    assert not (broker.home / "logs").exists()
    assert any(resolve_jars(broker.libs, progress=pytest.fail).glob("kafka_*.jar"))
