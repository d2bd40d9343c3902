"""Alerts: what raises one, and that each is reported once, and its end once."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

from assets.bronze.bronze import OffsetsLostError
from assets.customers.customer_value import refresh_customer_value
from assets.stream import micro_batch
from assets.stream.alarms import LAG_LIMIT, Ledger, newest_batches, stream_alarms
from assets.stream.stream_assets import Stream
from assets.tables import CUSTOMER_DAYS, SILVER_EVENTS, USER_DAYS
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
from sensors.alert_sensor import (
    Notice,
    Pager,
    alert_sensor,
    check_alarms,
    late_alarms,
    notices,
    run_alarms,
    tables_behind,
    tell,
)
from tests.assets.visitors.visits import follow
from tests.conftest import event
from tests.faults.interleaving import crash_before
from tests.lakes import age, run
from tests.resources.mock_kafka import MockKafka

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FINE = Ledger(NOW - timedelta(seconds=40), messages=1_000, quarantined=3)


class Receiver(HTTPServer):
    """A webhook on this machine: what it was sent, and the status that it answers with."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), _Take)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/secret-part"


class _Take(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status == 200:
            self.server.told.append(said["text"])
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


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


def test_a_run_that_automation_started_counts_for_the_job_that_does_the_same() -> None:
    @dg.asset
    def value(context: dg.AssetExecutionContext) -> None:
        if "broken" in context.run.tags:
            raise ValueError("broken")

    with dg.DagsterInstance.ephemeral() as instance:
        for more, holds in (({"broken": "yes"}, True), ({}, False)):
            tags = {"salesinsights/kind": "customers", **more}
            dg.materialize([value], instance=instance, tags=tags, raise_on_error=False)
            assert (run_alarms(instance, ["customers"])["failed_run/customers"] is not None) == holds


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


def test_a_failed_run_and_a_failed_check_are_alarms_until_the_next_good_one() -> None:
    is_fine = iter([False, False, True, True])

    @dg.asset(check_specs=[dg.AssetCheckSpec("whole", asset="sales")])
    def sales() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=next(is_fine))])

    @dg.op
    def work() -> None:
        if not next(is_fine):
            raise ValueError("broken")

    @dg.job
    def chore() -> None:
        work()

    key = dg.AssetCheckKey(sales.key, "whole")
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_alarms(instance, ["chore"]) == {"failed_run/chore": None}
        for holds in (True, False):
            dg.materialize([sales], instance=instance)
            chore.execute_in_process(instance=instance, raise_on_error=False)
            for alarms in (run_alarms(instance, ["chore"]), check_alarms(instance, [key])):
                assert [fault is not None for fault in alarms.values()] == [holds]


def test_the_sensor_tells_of_a_flood_and_remembers_it(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, receiver: Receiver
) -> None:
    mock_kafka.publish(topic, [event(), *[b"not json"] * 100])
    run(lake, stream)
    assert newest_batches(lake).quarantined == 100
    pager = Pager(lambda text: post_text(receiver.url, text))
    location = build_definitions(load_settings({})).get_repository_def()
    cursor = None
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(2):
            resources = {"lake": lake, "stream": stream, "pager": pager, "cart_rule": CartRule()}
            context = dg.build_sensor_context(
                instance, cursor, repository_def=location, resources=resources, sensor_name="alerts"
            )
            skipped = alert_sensor(context)
            cursor = context.cursor
            assert isinstance(skipped, dg.SkipReason)
            assert "quarantine_flood" in str(skipped.skip_message)

    assert [text.split(":")[0] for text in receiver.told] == ["SalesInsights ALERT quarantine_flood"]


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
    sources = (SILVER_EVENTS, CUSTOMER_DAYS, USER_DAYS)
    versions = {layout.name: lake.table(layout).version for layout in sources}
    vacuum = LakeTable.vacuum
    monkeypatch.setattr(LakeTable, "vacuum", lambda table, hours: age(table, hours, vacuum))

    list(keep_up(lake, NOW))

    assert all(lake.table(layout).version > versions[layout.name] for layout in sources)
    assert [name for name, is_behind in tables_behind(lake, CartRule()).items() if is_behind()] == []
