"""Alerts: what raises one, and that each is reported once, and its end once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

from assets.bronze.bronze import OffsetsLostError
from assets.customers.customer_value import refresh_customer_value
from assets.products.bought_together import refresh_bought_together
from assets.products.category_sales import refresh_category_sales
from assets.products.repurchases import refresh_repurchases
from assets.stream import micro_batch
from assets.stream.alarms import LAG_LIMIT, Ledger, newest_batches, stream_alarms
from assets.stream.stream_assets import Stream
from assets.tables import CUSTOMER_DAYS, SILVER_EVENTS, SILVER_PURCHASES, USER_DAYS
from assets.upkeep.lake_files import keep_up
from assets.visitors.abandoned_carts import refresh_carts
from assets.visitors.cart_rule import CartRule
from assets.visitors.cohort_retention import refresh_cohorts
from resources.kafka_reader import KafkaUnavailableError
from resources.lake import Lake
from resources.lake_table import LakeTable
from resources.webhook import WebhookError, post_text
from salesinsights_dagster.definitions import build_definitions
from salesinsights_dagster.settings import load_settings
from sensors import alert_sensor as alert_module
from sensors.alert_sensor import alert_sensor, late_alarms, patience_with, tables_behind
from sensors.notices import Memory, Notice, Pager, Patience, notices, tell
from sensors.run_alarms import CheckResult
from tests.assets.visitors.visits import follow
from tests.conftest import event
from tests.faults.interleaving import crash_before
from tests.lakes import age, run
from tests.resources.mock_kafka import MockKafka
from tests.resources.webhook_receiver import Receiver
from tests.resources.webhook_receiver import receiver as receiver

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FINE = Ledger(NOW - timedelta(seconds=40), messages=1_000, quarantined=3)


def fail(error: Exception) -> int:
    raise error


def holding(ledger: Ledger, waiting: int) -> set[str]:
    return {name for name, fault in stream_alarms(ledger, lambda: waiting, NOW).items() if fault}


@pytest.mark.parametrize(
    ("ledger", "waiting", "alarms"),
    [
        (FINE, 900, set()),
        (FINE, LAG_LIMIT + 1, {"lag"}),
        (Ledger(NOW - timedelta(minutes=3), 1_000, 3), 1, {"stalled"}),
        (Ledger(NOW - timedelta(days=3), 1_000, 3), 0, set()),
        (Ledger(None, 0, 0), 10, set()),
        (Ledger(NOW, 1_000, 99), 0, set()),
        (Ledger(NOW, 1_000, 100), 0, {"quarantine_flood"}),
        (Ledger(NOW, 100_000, 4_999), 0, set()),
        (Ledger(NOW, 100_000, 5_000), 0, {"quarantine_flood"}),
    ],
)
def test_what_is_an_alarm(ledger: Ledger, waiting: int, alarms: set[str]) -> None:
    assert holding(ledger, waiting) == alarms


def test_what_cannot_be_judged_is_left_as_it_was() -> None:
    silent = stream_alarms(FINE, lambda: fail(KafkaUnavailableError("no answer")), NOW)
    lost = stream_alarms(FINE, lambda: fail(OffsetsLostError("partition 0 [5, 9)")), NOW)

    assert silent == {"quarantine_flood": None, "kafka": "no answer"}
    assert lost == {"quarantine_flood": None, "kafka": None, "lost_offsets": "partition 0 [5, 9)"}
    assert notices({"lag": "many"}, silent) == [Notice("kafka", "no answer")]
    assert notices({"kafka": "x", "lag": "many"}, {"kafka": None, "lag": "more"}) == [Notice("kafka", None)]


def test_each_alert_and_its_end_are_told_once(receiver: Receiver) -> None:
    pager, log = Pager(lambda text: post_text(receiver.url, text)), list[str]()
    told: dict[str, str] = {}
    for alarms in ({"lag": "behind"}, {"lag": "further behind"}, {"lag": None}, {"lag": None}):
        told = tell(pager, notices(told, alarms), told, log.append)

    assert receiver.told == log == ["SalesInsights ALERT lag: behind", "SalesInsights OK lag"]


def test_what_was_not_delivered_is_told_again_and_the_address_stays_secret(receiver: Receiver) -> None:
    pager, log = Pager(lambda text: post_text(receiver.url, text)), list[str]()
    receiver.status = 500
    told = tell(pager, [Notice("lag", "behind")], {}, log.append)
    assert (told, receiver.told) == ({}, [])
    assert "the webhook answered 500" in log[-1]

    receiver.status = 200
    assert tell(pager, notices(told, {"lag": "behind"}), told, log.append) == {"lag": "behind"}
    assert receiver.told == ["SalesInsights ALERT lag: behind"]
    assert "secret-part" not in "".join(log)
    with pytest.raises(WebhookError) as refused:
        post_text("http://127.0.0.1:9/services/secret-part", "x")
    assert "secret-part" not in str(refused.value)


class Sensor:
    """The sensor, tick by tick, on a Dagster of the test's own. `said` is what the newest tick says."""

    def __init__(self, instance: dg.DagsterInstance, lake: Lake, stream: Stream, url: str) -> None:
        self.cursor: str | None = None
        self.now = datetime.now(UTC)
        self._instance, self._lake, self._stream = instance, lake, replace(stream, clock=lambda: self.now)
        self._pager = Pager(lambda text: post_text(url, text))
        self._location = build_definitions(load_settings({})).get_repository_def()

    def tick(self, later: timedelta = timedelta(seconds=30)) -> str:
        self.now += later
        resources = {"lake": self._lake, "stream": self._stream, "pager": self._pager, "cart_rule": CartRule()}
        context = dg.build_sensor_context(
            self._instance, self.cursor, repository_def=self._location, resources=resources, sensor_name="alerts"
        )
        skipped = alert_sensor(context)
        self.cursor = context.cursor
        assert isinstance(skipped, dg.SkipReason)
        return str(skipped.skip_message)


@pytest.fixture
def sensor(lake: Lake, stream: Stream, receiver: Receiver, tmp_path: Path) -> Iterator[Sensor]:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        yield Sensor(instance, lake, stream, receiver.url)


def names(receiver: Receiver) -> list[str]:
    return [text.removeprefix("SalesInsights ").split(":")[0] for text in receiver.told]


def test_the_sensor_tells_of_a_flood_and_remembers_it(
    sensor: Sensor, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, receiver: Receiver
) -> None:
    mock_kafka.publish(topic, [event(), *[b"not json"] * 100])
    run(lake, stream)
    assert newest_batches(lake).quarantined == 100

    assert all("quarantine_flood" in sensor.tick() for _ in range(2))

    assert names(receiver) == ["ALERT quarantine_flood"]


def test_while_the_webhook_is_down_the_tick_says_what_holds(
    sensor: Sensor, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, receiver: Receiver
) -> None:
    mock_kafka.publish(topic, [event(), *[b"not json"] * 100])
    run(lake, stream)
    receiver.status = 500

    said = sensor.tick()
    receiver.status = 200

    assert "quarantine_flood: 100 of the last 101 messages were refused" in said
    assert "quarantine_flood was not delivered: the log says why" in said
    assert "not delivered" not in sensor.tick()
    assert names(receiver) == ["ALERT quarantine_flood"]


def test_the_end_of_a_quiet_spell_and_a_history_file_raise_nothing(
    sensor: Sensor, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, receiver: Receiver
) -> None:
    mock_kafka.publish(topic, [event()])
    run(lake, stream)
    sensor.tick(timedelta(hours=3))
    mock_kafka.publish(topic, [event(user_id=user) for user in range(50)])
    waiting = sensor.tick()
    run(lake, replace(stream, clock=lambda: sensor.now))
    after = [sensor.tick() for _ in range(6)]

    assert waiting.startswith("stalled: the stream stands still: 50 messages wait")
    assert "not told yet" in waiting
    assert after == ["all is well"] * 6
    assert receiver.told == []


def test_a_stream_that_stands_still_is_told_once_and_so_is_its_end(
    sensor: Sensor, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, receiver: Receiver
) -> None:
    mock_kafka.publish(topic, [event()])
    run(lake, stream)
    mock_kafka.publish(topic, [event(user_id=2)])
    for _ in range(12):
        sensor.tick()
    told_at_first = names(receiver)
    run(lake, replace(stream, clock=lambda: sensor.now))
    for _ in range(12):
        sensor.tick()

    assert told_at_first == ["ALERT stalled"]
    assert names(receiver) == ["ALERT stalled", "OK stalled"]


def test_what_can_not_be_judged_is_an_alarm_and_hides_no_other(
    sensor: Sensor,
    lake: Lake,
    stream: Stream,
    mock_kafka: MockKafka,
    topic: str,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mock_kafka.publish(topic, [event(), *[b"not json"] * 100])
    run(lake, stream)

    def fail(*arguments: object) -> None:
        raise ValueError("no such table")

    monkeypatch.setattr(alert_module, "tables_behind", fail)
    said = [sensor.tick() for _ in range(5)][-1]

    assert "not_judged/late: nothing is alerted there (no such table)" in said
    assert names(receiver) == ["ALERT quarantine_flood", "ALERT not_judged/late"]


def test_what_is_no_longer_found_is_forgotten_and_what_is_not_judged_is_kept(
    sensor: Sensor, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed backfill of last week is no news; an alarm of a Kafka that is silent now is neither on nor over."""
    monkeypatch.setattr(alert_module, "stream_alarms", lambda *arguments: {})
    gone = {"failed_backfill/gold/product_sales", "failed_run/gold/user_days", "late/gold/no_such_table"}
    sensor.cursor = Memory({**dict.fromkeys(gone, "failed"), "lag": "behind"}).text

    said = sensor.tick()

    assert dict(Memory.of(sensor.cursor).told) == {"lag": "behind"}
    assert said == "lag: behind (can't be judged now)"
    assert receiver.told == []


def test_nothing_is_forgotten_while_its_source_can_not_be_judged(
    sensor: Sensor, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor.cursor = Memory({"failed_backfill/gold/product_sales": "failed"}).text

    def fail(*arguments: object) -> None:
        raise ValueError("no such table")

    monkeypatch.setattr(alert_module, "backfill_alarms", fail)
    sensor.tick()

    assert "failed_backfill/gold/product_sales" in Memory.of(sensor.cursor).told
    assert receiver.told == []


def test_lost_offsets_are_told_once_though_the_sensor_of_the_stream_fails_at_them(
    sensor: Sensor, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = {"lost_offsets": "partition 0 [5, 9)"}
    monkeypatch.setattr(alert_module, "stream_alarms", lambda *arguments: lost)
    monkeypatch.setattr(alert_module, "tick_alarms", lambda *arguments: {"failing_sensor/kafka": "its ticks failed"})

    sensor.tick()

    assert receiver.told == ["SalesInsights ALERT lost_offsets: partition 0 [5, 9)"]


@pytest.mark.parametrize("cursor", ["garbage", "{}", "5", '{"__class__": "AssetDaemonCursor"}'])
def test_the_sensor_goes_on_from_a_cursor_that_is_not_its_own(
    sensor: Sensor, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, receiver: Receiver, cursor: str
) -> None:
    mock_kafka.publish(topic, [event(), *[b"not json"] * 100])
    run(lake, stream)
    sensor.cursor = cursor

    assert all("quarantine_flood" in sensor.tick() for _ in range(2))

    assert names(receiver) == ["ALERT quarantine_flood"]


def test_a_warning_of_a_check_needs_more_than_one_result_and_an_error_does_not() -> None:
    results = {"failed_check/a": CheckResult("x", 1.0, True), "failed_check/b": CheckResult("x", 1.0, False)}
    patience = patience_with(results)

    assert (patience("failed_check/a").results, patience("failed_check/a").before) == (3, timedelta(minutes=5))
    assert (patience("failed_check/b").results, patience("failed_check/b").before) == (1, timedelta())
    assert patience("stalled").before > timedelta(minutes=1)
    assert patience("failed_run/stream") == Patience()


@pytest.mark.parametrize(
    ("state", "moved", "holds"), [("FAIL", True, True), ("FAIL", False, False), ("WARN", True, False)]
)
def test_a_table_is_late_where_its_policy_is_broken_and_its_source_has_moved(
    state: str, moved: bool, holds: bool
) -> None:
    key = dg.AssetKey(["gold", "customer_value"])
    change = FreshnessStateChange(
        key=key, previous_state=FreshnessState.PASS, new_state=FreshnessState(state), state_change_timestamp=0.0
    )
    with dg.DagsterInstance.ephemeral() as instance:
        assert late_alarms(instance, {"gold/customer_value": lambda: moved}) == {"late/gold/customer_value": None}
        instance.report_runless_asset_event(change)

        found = late_alarms(instance, {"gold/customer_value": lambda: moved})

    assert [fault is not None for fault in found.values()] == [holds]


def test_what_says_that_a_source_has_moved(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = tables_behind(lake, CartRule())
    mock_kafka.publish(topic, [event()])
    crash_before(monkeypatch, micro_batch.Layers, "refine", lambda: run(lake, stream))
    cut_short = {name for name, is_behind in behind.items() if is_behind()}
    run(lake, stream)

    assert cut_short == {"gold/product_sales", "gold/product_sales_daily", "gold/customer_days"}
    assert {name for name, is_behind in behind.items() if is_behind()} == {
        "gold/customer_value",
        "gold/funnel_daily",
        "gold/user_days",
        "silver/sessions",
        "gold/abandoned_carts",
        "gold/category_sales_daily",
        "gold/bought_together",
        "gold/repurchases",
    }


def test_upkeep_makes_no_table_late(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commits change no row and are not reported: by their versions, tables would be late until the next sale."""
    for user in (1, 2, 3):
        mock_kafka.publish(topic, [event(user_id=user)])
        run(lake, stream)
        follow(lake)
        refresh_customer_value(lake)
        refresh_carts(lake, CartRule())
        refresh_cohorts(lake)
        refresh_category_sales(lake)
        refresh_bought_together(lake)
        refresh_repurchases(lake)
    sources = (SILVER_EVENTS, SILVER_PURCHASES, CUSTOMER_DAYS, USER_DAYS)
    versions = {layout.name: lake.table(layout).version for layout in sources}
    vacuum = LakeTable.vacuum
    monkeypatch.setattr(LakeTable, "vacuum", lambda table, hours: age(table, hours, vacuum))

    list(keep_up(lake, NOW))

    assert all(lake.table(layout).version > versions[layout.name] for layout in sources)
    assert [name for name, is_behind in tables_behind(lake, CartRule()).items() if is_behind()] == []
