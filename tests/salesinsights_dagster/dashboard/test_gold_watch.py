"""The dashboard's own alerts, which need no daemon of Dagster."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.stream import micro_batch
from assets.stream.stream_assets import Stream
from resources.kafka_reader import KafkaReader, KafkaUnavailableError
from resources.lake import Lake
from resources.webhook import WebhookError
from salesinsights_dagster.dagster_process import prepare_home
from salesinsights_dagster.dashboard.gold_watch import STANDSTILL, GoldWatch
from salesinsights_dagster.settings import load_settings
from sensors.notices import ALERTS, Pager
from sensors.run_alarms import SILENT_AFTER
from tests.conftest import event
from tests.faults.interleaving import crash_before
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka
from tests.resources.webhook_receiver import Receiver
from tests.resources.webhook_receiver import receiver as receiver
from tests.sensors.sensor_ticks import a_sensor, a_tick

MINUTE = timedelta(minutes=1)


class World:
    """A dashboard's watch over a lake, at the test's own time; `told` is what the webhook took."""

    def __init__(self, lake: Lake, open_reader: Callable[[], KafkaReader], memory: Path) -> None:
        self.now, self.told, self.is_away = datetime(2026, 11, 24, 12, tzinfo=UTC), list[str](), False
        self.dagster: dg.DagsterInstance | None = None
        self.open_reader = open_reader
        self._lake, self._memory = lake, memory
        self.restart()

    def restart(self) -> None:
        self._watch = GoldWatch(
            self._lake,
            lambda: self.open_reader(),
            lambda: self.dagster,
            lambda: self.now,
            Pager(self._send),
            self._memory,
        )

    def look(self, minutes: int) -> list[str]:
        """The names of what is told in these minutes."""
        before = len(self.told)
        for _ in range(minutes):
            self.now += MINUTE
            self._watch.look()
        return [text.removeprefix("SalesInsights ").split(":")[0] for text in self.told[before:]]

    def _send(self, text: str) -> None:
        if self.is_away:
            raise WebhookError("the webhook does not answer")
        self.told.append(text)


@pytest.fixture
def world(lake: Lake, stream: Stream, tmp_path: Path) -> World:
    return World(lake, stream.open_reader, tmp_path / "told.json")


@pytest.fixture
def waiting(world: World, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> World:
    """A message is in gold, the next one waits."""
    mock_kafka.publish(topic, [event()])
    run(lake, stream)
    mock_kafka.publish(topic, [event(user_id=2)])
    return world


def test_that_nothing_reaches_gold_is_told_once_and_so_is_its_end(waiting: World, lake: Lake, stream: Stream) -> None:
    minutes = STANDSTILL // MINUTE

    assert waiting.look(minutes) == []
    assert waiting.look(30) == ["ALERT gold_stands_still"]
    assert "though 1 messages wait in Kafka" in waiting.told[0]
    run(lake, stream)
    assert waiting.look(30) == ["OK gold_stands_still"]


def test_a_quiet_shop_and_a_stream_that_moves_are_no_alarm(
    world: World, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    assert world.look(30) == []
    for user in range(4):
        mock_kafka.publish(topic, [event(user_id=user)])
        run(lake, stream)
        mock_kafka.publish(topic, [event(user_id=user + 100)])
        assert world.look(3) == []


def test_the_end_of_a_quiet_spell_begins_a_new_wait(world: World, mock_kafka: MockKafka, topic: str) -> None:
    world.look(60)
    mock_kafka.publish(topic, [event()])

    assert world.look(STANDSTILL // MINUTE - 1) == []
    assert world.look(2) == ["ALERT gold_stands_still"]


def test_a_batch_that_does_not_reach_gold_counts_though_kafka_is_read(
    world: World, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock_kafka.publish(topic, [event()])
    crash_before(monkeypatch, micro_batch.Layers, "refine", lambda: run(lake, stream))

    assert world.look(30) == ["ALERT gold_stands_still"]
    assert "bronze has a batch that gold lacks" in world.told[0]


def test_without_kafka_nothing_is_judged_and_the_wait_starts_again(waiting: World) -> None:
    open_reader = waiting.open_reader

    def refuse() -> KafkaReader:
        raise KafkaUnavailableError("no answer")

    waiting.look(1)
    waiting.open_reader = refuse
    assert waiting.look(60) == []
    waiting.open_reader = open_reader

    assert waiting.look(STANDSTILL // MINUTE - 1) == []
    assert waiting.look(3) == ["ALERT gold_stands_still"]


def test_a_dashboard_that_is_started_again_tells_nothing_twice_and_the_end(
    waiting: World, lake: Lake, stream: Stream
) -> None:
    waiting.look(30)
    waiting.restart()

    assert waiting.look(STANDSTILL // MINUTE + 5) == []
    run(lake, stream)
    waiting.restart()
    assert waiting.look(1) == ["OK gold_stands_still"]


def test_what_was_not_delivered_is_told_at_the_next_look(waiting: World) -> None:
    waiting.is_away = True
    assert waiting.look(30) == []
    waiting.is_away = False

    assert waiting.look(5) == ["ALERT gold_stands_still"]


@pytest.fixture
def dagster(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        yield instance


def test_a_silent_sensor_of_alerts_is_told(world: World, dagster: dg.DagsterInstance) -> None:
    world.dagster = dagster
    assert world.look(9) == []
    state = a_sensor(dagster, ALERTS)
    a_tick(dagster, state, "SKIPPED", world.now.timestamp())

    assert world.look(SILENT_AFTER // MINUTE) == []
    assert world.look(9) == ["ALERT alerts_silent"]
    assert "does `salesinsights dev` run?" in world.told[0]
    a_tick(dagster, state, "SKIPPED", world.now.timestamp())
    assert world.look(1) == ["OK alerts_silent"]


def test_a_failing_sensor_of_alerts_is_told_with_its_error(world: World, dagster: dg.DagsterInstance) -> None:
    world.dagster = dagster
    state = a_sensor(dagster, ALERTS)
    for seconds in range(3):
        a_tick(dagster, state, "FAILURE", world.now.timestamp() + seconds)

    assert world.look(2) == ["ALERT alerts_silent"]
    assert "ValueError: no cursor of ours" in world.told[0]


def test_a_sensor_that_somebody_stopped_is_no_alarm(world: World, dagster: dg.DagsterInstance) -> None:
    world.dagster = dagster
    a_tick(dagster, a_sensor(dagster, ALERTS, is_stopped=True), "SKIPPED", 0.0)

    assert world.look(9) == []


@pytest.fixture
def silent_dagster(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of Dagster whose sensor of alerts has not looked since 1970."""
    monkeypatch.setenv("SALESINSIGHTS_ALERT_WEBHOOK", receiver.url)
    home = prepare_home(load_settings({"SALESINSIGHTS_HOME": str(tmp_path)}))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        a_tick(instance, a_sensor(instance, ALERTS), "SKIPPED", 0.0)


@pytest.mark.usefixtures("silent_dagster", "dashboard")
def test_the_dashboards_process_looks_by_itself(receiver: Receiver) -> None:
    deadline = time.monotonic() + 240
    while not receiver.told and time.monotonic() < deadline:
        time.sleep(0.2)

    assert [text.split(":")[0] for text in receiver.told] == ["SalesInsights ALERT alerts_silent"]
