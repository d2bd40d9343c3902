import platform
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import dagster as dg
import psutil  # type: ignore[import-untyped]
import pytest

from assets.bronze.bronze import OffsetsLostError, unread_offsets
from assets.runs.run_process import PROCESS, has_vanished
from assets.serving.postgres_replica import PostgresReplica
from assets.stream import micro_batch
from assets.stream.live_run import LIVE, Life
from assets.stream.replicas import renew
from assets.stream.stream_assets import Stream
from resources.kafka_reader import KafkaUnavailableError, TopicMissingError
from resources.lake import Lake
from sensors.in_flight import alive, run_in_flight, runs_in_flight
from sensors.kafka_sensor import build_kafka_sensor, decide, has_leftovers, supervise
from tests.assets.stream.dagster_runs import Recorder
from tests.conftest import event
from tests.faults.interleaving import crash_before
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka


def skipped_because(decision: dg.RunRequest | dg.SkipReason) -> str | None:
    return decision.skip_message if isinstance(decision, dg.SkipReason) else None


def nothing_left() -> bool:
    return False


def test_lag_starts_one_run_without_offsets_in_it() -> None:
    decision = decide(lambda: 5, nothing_left, {LIVE: "true"})

    assert isinstance(decision, dg.RunRequest)
    assert (decision.run_key, decision.run_config, decision.tags) == (None, {}, {LIVE: "true"})


def test_no_lag_is_a_reason() -> None:
    assert skipped_because(decide(lambda: 0, nothing_left, {})) == "the lake has read everything that Kafka holds"


LIFE = Life(timedelta(minutes=60), timedelta(minutes=30))
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def run_of(age: timedelta | None, tags: dict[str, str]) -> dg.RunRecord:
    started = (NOW - age).timestamp() if age is not None else None
    run = dg.DagsterRun("stream", run_id="1234abcd-0000", status=dg.DagsterRunStatus.STARTED, tags=tags)
    return dg.RunRecord(1, run, NOW, NOW, started)


STAYS = run_of(timedelta(minutes=5), {LIVE: "true"})
OLD = run_of(timedelta(minutes=60), {LIVE: "true"})


@pytest.mark.parametrize(
    ("runs", "life"),
    [
        ([run_of(timedelta(minutes=90), {})], LIFE),
        ([run_of(None, {LIVE: "true"})], LIFE),
        ([run_of(timedelta(minutes=90), {LIVE: "true"})], None),
    ],
    ids=["one that does not stay", "one that has not started", "the setting is 0"],
)
def test_a_run_in_flight_is_a_reason(runs: list[dg.RunRecord], life: Life | None) -> None:
    assert skipped_because(supervise(runs, life, NOW, lambda: 7)) == "stream run 1234abcd is still in flight"


def test_the_reason_says_which_run_reads_since_when_and_how_far_the_lake_is() -> None:
    reason = "stream run 1234abcd has been reading since 11:55:00 UTC; the lake is at batch 7"

    assert skipped_because(supervise([STAYS], LIFE, NOW, lambda: 7)) == reason


def test_an_old_run_gets_one_successor() -> None:
    decision = supervise([OLD], LIFE, NOW, lambda: 7)

    assert isinstance(decision, dg.RunRequest)
    assert decision.tags == {LIVE: "true"}
    assert skipped_because(supervise([STAYS, OLD], LIFE, NOW, lambda: 7))
    assert skipped_because(supervise([run_of(None, {LIVE: "true"}), OLD], LIFE, NOW, lambda: 7))


@pytest.mark.parametrize("absent", [KafkaUnavailableError("no answer"), TopicMissingError("no topic")])
def test_an_absent_kafka_is_a_reason(absent: Exception) -> None:
    def unread() -> int:
        raise absent

    assert skipped_because(decide(unread, nothing_left, {})) == str(absent)


def test_lost_offsets_fail_the_tick() -> None:
    def unread() -> int:
        raise OffsetsLostError("partition 0 [3, 9)")

    with pytest.raises(OffsetsLostError):
        decide(unread, nothing_left, {})


def test_the_lag_is_what_the_lake_has_not_read(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [event(), event(user_id=2)])
    before = unread_offsets(lake, stream.open_reader())
    run(lake, stream)

    assert (before, unread_offsets(lake, stream.open_reader())) == (2, 0)


def test_what_a_killed_run_left_starts_a_run_though_kafka_has_nothing_new() -> None:
    assert isinstance(decide(lambda: 0, lambda: True, {}), dg.RunRequest)


def test_a_batch_is_left_until_it_is_whole_and_told(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = has_leftovers(lake, stream, told=0)
    mock_kafka.publish(topic, [event()])
    crash_before(monkeypatch, micro_batch.Layers, "refine", lambda: run(lake, stream))
    cut_short = has_leftovers(lake, stream, told=0)
    run(lake, stream)

    assert (before, cut_short) == (False, True)
    assert (has_leftovers(lake, stream, told=0), has_leftovers(lake, stream, told=1)) == (True, False)


def test_a_copy_that_is_behind_starts_a_run_and_one_that_is_away_does_not(lake: Lake, stream: Stream) -> None:
    copy = Recorder("copy")
    followed = replace(stream, replicas=(copy,))
    behind = has_leftovers(lake, followed, told=0)
    copy.behind = False

    assert (behind, has_leftovers(lake, followed, told=0)) == (True, False)
    away = replace(stream, replicas=(PostgresReplica("postgresql://shop@127.0.0.1:1/shop"),))
    assert not has_leftovers(lake, away, told=0)


def test_while_no_run_is_needed_the_sensor_renews_the_copies(lake: Lake, stream: Stream) -> None:
    copy, away = Recorder("copy"), Recorder("away", fails=True)
    renewals = partial(renew, (away, copy), lake, NOW)
    busy = decide(lambda: 1, nothing_left, {}, renewals)
    renewed_while_busy = len(copy.renewed)
    idle = decide(lambda: 0, nothing_left, {}, renewals)

    assert isinstance(busy, dg.RunRequest)
    assert (renewed_while_busy, copy.renewed) == (0, [NOW])
    assert skipped_because(idle) == "the lake has read everything that Kafka holds; away is away"


def test_an_unended_run_is_found_by_its_job() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(dg.DagsterRun("stream", run_id="12345678-0000", status=dg.DagsterRunStatus.STARTED))
        instance.add_run(dg.DagsterRun("other", run_id="87654321-0000", status=dg.DagsterRunStatus.SUCCESS))

        assert run_in_flight(instance, "stream") == "12345678"
        assert run_in_flight(instance, "other") is None


def test_the_sensor_runs_from_the_start() -> None:
    assert build_kafka_sensor(30).default_status is dg.DefaultSensorStatus.RUNNING


@pytest.fixture
def ended() -> psutil.Process:
    """A process that has ended; its number may be another's by now, so it keeps when it began."""
    process = subprocess.Popen(["true"])
    noted = psutil.Process(process.pid)
    process.wait()
    return noted


def noted(machine: str, process: psutil.Process) -> dict[str, str]:
    return {LIVE: "true", PROCESS: f"{machine}/{process.pid}/{process.create_time()}"}


def test_a_run_whose_process_has_ended_without_a_word_fails_and_blocks_nothing(ended: psutil.Process) -> None:
    mine, here = psutil.Process(), platform.node()
    tags = {"1-gone": noted(here, ended), "2-mine": noted(here, mine), "3-elsewhere": noted("other.example", ended)}
    with dg.DagsterInstance.ephemeral() as instance:
        for run_id, own in {**tags, "4-older": {LIVE: "true"}}.items():
            instance.add_run(dg.DagsterRun("stream", run_id=run_id, status=dg.DagsterRunStatus.STARTED, tags=own))

        left = alive(instance, runs_in_flight(instance, "stream"))

        assert sorted(record.dagster_run.run_id for record in left) == ["2-mine", "3-elsewhere", "4-older"]
        failed = instance.get_run_by_id("1-gone")
        assert failed is not None
        assert failed.status is dg.DagsterRunStatus.FAILURE


def test_a_number_that_another_process_has_now_is_not_the_runs(ended: psutil.Process) -> None:
    mine = psutil.Process()
    tag = {PROCESS: f"{platform.node()}/{mine.pid}/{mine.create_time() - 60}"}

    assert has_vanished(dg.DagsterRun("stream", tags=tag))
