"""The command `kafka`, and which Kafka the other commands find."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaUnavailableError
from salesinsights_dagster.broker import find_kafka
from salesinsights_dagster.broker.broker_process import spawn
from salesinsights_dagster.broker.broker_record import BrokerRecord
from salesinsights_dagster.broker.ports import free_ports
from salesinsights_dagster.cli import main
from salesinsights_dagster.settings import load_settings


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    return {"SALESINSIGHTS_HOME": str(tmp_path)}


def run(env: dict[str, str], *words: str) -> Result:
    return CliRunner().invoke(main, ["kafka", *words], env=env)


def test_status_of_a_stopped_broker(env: dict[str, str], tmp_path: Path) -> None:
    result = run(env, "status", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout) == {
        "running": False,
        "bootstrap_servers": None,
        "pid": None,
        "home": str(tmp_path / "kafka"),
    }
    assert run(env, "status").stdout == "Kafka does not run\n"


def test_stop_of_a_stopped_broker(env: dict[str, str]) -> None:
    result = run(env, "stop")
    assert (result.exit_code, result.stdout) == (0, "Kafka did not run\n")


def test_missing_java_is_one_line_and_exit_code_2(env: dict[str, str], tmp_path: Path) -> None:
    result = run({**env, "PATH": str(tmp_path)}, "start")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: Java is missing: install Java 17 or newer")
    assert len(result.stderr.splitlines()) == 1


def test_a_wrong_setting_is_one_line_and_exit_code_2(env: dict[str, str]) -> None:
    result = run({**env, "KAFKA_BOOTSTRAP_SERVERS": "nowhere"}, "status")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: KAFKA_BOOTSTRAP_SERVERS='nowhere': 'nowhere' is not HOST:PORT\n"


@pytest.mark.parametrize("words", [["start"], ["stop"], ["wipe", "--yes"]])
def test_a_named_cluster_is_left_alone(env: dict[str, str], tmp_path: Path, words: list[str]) -> None:
    result = run({**env, "KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092", "PATH": ""}, *words)
    assert result.exit_code == 0
    assert "KAFKA_BOOTSTRAP_SERVERS names kafka.example:9092: it is used, and nothing is" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_status_of_a_named_cluster_that_does_not_answer(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salesinsights_dagster.broker.commands.REACH_SECONDS", 0.5)
    servers = f"127.0.0.1:{free_ports(0)[0]}"
    result = run({**env, "KAFKA_BOOTSTRAP_SERVERS": servers}, "status", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["bootstrap_servers"] == servers
    assert f"{servers} does not answer" in result.stderr


def test_wipe_asks_first(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    assert run(env, "wipe").exit_code == 1
    assert (tmp_path / "kafka" / "data").exists()
    assert run(env, "wipe", "--yes").exit_code == 0
    assert not (tmp_path / "kafka" / "data").exists()


def test_the_named_cluster_is_found_with_its_security() -> None:
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092",
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SSL_CA_LOCATION": "ca.pem",
    }
    security = {"security.protocol": "SSL", "ssl.ca.location": "ca.pem"}
    assert find_kafka(load_settings(env)) == KafkaConnection("kafka.example:9092", security)


def test_the_running_broker_is_found(tmp_path: Path) -> None:
    settings = load_settings({"SALESINSIGHTS_HOME": str(tmp_path)})
    settings.broker_home.mkdir()
    process = spawn(["/bin/sleep", "60"], tmp_path, tmp_path / "out")
    try:
        BrokerRecord(process, 9123).save(settings.broker_home / "broker.json")
        assert find_kafka(settings) == KafkaConnection("127.0.0.1:9123")
    finally:
        process.end(10)
    with pytest.raises(KafkaUnavailableError, match="salesinsights kafka start`, or set KAFKA_BOOTSTRAP_SERVERS"):
        find_kafka(settings)
