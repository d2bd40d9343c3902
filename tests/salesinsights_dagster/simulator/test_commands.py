import os
import signal

import pytest
from click.testing import CliRunner
from confluent_kafka import KafkaError

from salesinsights_dagster.cli import main
from salesinsights_dagster.simulator import commands
from salesinsights_dagster.simulator.month_file import write_month
from salesinsights_dagster.simulator.shop import Shop
from salesinsights_dagster.simulator.stopping import stop_on_signals


def simulate(*arguments: str):
    return CliRunner().invoke(commands.simulate, arguments)


class Answering:
    """A producer that answers each message at once: stored, or failed with `error`."""

    def __init__(self, error: KafkaError | None = None) -> None:
        self.error = error
        self.values: list[bytes] = []

    def produce(self, topic, value, key, on_delivery):
        self.values.append(value)
        on_delivery(self.error, self)

    def poll(self, timeout):
        return 0

    def flush(self, timeout):
        return 0

    def partition(self):
        return 0

    def offset(self):
        return len(self.values) - 1

    def timestamp(self):
        return 1, 1_767_268_800_123

    def value(self):
        return self.values[-1]


@pytest.fixture
def producer(monkeypatch):
    """A producer in place of Kafka, and a shop that publishes three events at any time."""

    def three_events(shop, publish, clock, rate, stop, *, seconds, report):
        publish([b"1", b"2", b"3"], [b"{}", b"[]", b'"x"'])
        report(3)

    answering = Answering()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setattr(commands, "ensure_topic", lambda connection, topic: True)
    monkeypatch.setattr(commands, "open_producer", lambda connection: answering)
    monkeypatch.setattr(commands, "run_live", three_events)
    return answering


def test_month_writes_the_file_of_that_seed(tmp_path):
    done = simulate("--month", "2019-11", "--events", "2000", "--out", str(tmp_path / "a"), "--seed", "3")
    expected = write_month(Shop(3), 2019, 11, 2_000, tmp_path / "b")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"2,000 events in {tmp_path / 'a' / '2019-Nov.csv'}\n"
    assert (tmp_path / "a" / "2019-Nov.csv").read_bytes() == expected.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["--month", "2019-11", "--events", "9", "--out", "x", "--rate", "5"], "--rate is for live traffic"),
        (["--month", "2019-11", "--events", "9", "--out", "x", "--for", "5"], "--for is for live traffic"),
        (["--month", "2019-11", "--events", "9", "--out", "x", "--log", "l"], "--log is for live traffic"),
        (["--month", "2019-11"], "--month needs --events and --out too"),
        (["--month", "2019-11", "--events", "9"], "--month needs --out too"),
        (["--events", "9"], "--events is for a month: add --month"),
        (["--month", "1999-11", "--events", "9", "--out", "x"], "the shop opened in 2019"),
        (["--month", "November", "--events", "9", "--out", "x"], "--month"),
        (["--rate", "0"], "--rate"),
    ],
)
def test_options_that_conflict_are_a_usage_error(arguments, remedy):
    refused = simulate(*arguments)
    assert refused.exit_code == 2
    assert remedy in refused.stderr


def test_live_says_in_one_line_what_was_acknowledged(producer):
    done = simulate("--rate", "50")
    assert done.exit_code == 0, done.output
    assert done.stdout == "3 events acknowledged in 0 s\n"


def test_live_appends_to_the_log(producer, tmp_path):
    log = tmp_path / "logs" / "truth.tsv"
    for _ in range(2):
        assert simulate("--log", str(log)).exit_code == 0
    lines = [line.split("\t") for line in log.read_text().splitlines()]
    assert [line[3] for line in lines] == ["{}", "[]", '"x"', "{}", "[]", '"x"']
    assert lines[0][:3] == ["0", "0", "1767268800123"]


def test_live_exits_with_1_when_deliveries_fail(producer):
    producer.error = KafkaError(KafkaError._MSG_TIMED_OUT)
    failed = simulate()
    assert failed.exit_code == 1
    assert failed.stdout == "0 events acknowledged in 0 s\n"
    assert "3 events failed" in failed.stderr


def test_live_without_kafka_names_the_remedy(tmp_path):
    env = {"SALESINSIGHTS_HOME": str(tmp_path), "KAFKA_BOOTSTRAP_SERVERS": "nowhere"}
    refused = CliRunner().invoke(main, ["simulate", "--for", "1"], env=env)
    assert refused.exit_code == 2
    assert "KAFKA_BOOTSTRAP_SERVERS" in refused.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_stop_and_handlers_come_back(number):
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        os.kill(os.getpid(), number)
        assert stop.wait(5)
    assert signal.getsignal(number) is before
