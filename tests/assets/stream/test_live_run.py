"""A run that stays, in a Dagster of the test's own: what it tells, and what ends it."""

import itertools
import os
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest

from assets.gold.gold import gold_is_behind
from assets.runs.verdict import Verdict
from assets.stream import checks, live_run
from assets.stream.live_run import LIVE, Life
from assets.stream.replicas import ReplicaError
from assets.stream.stream_assets import Stream, told_batch
from assets.tables import PRODUCT_SALES, SILVER_EVENTS
from resources.beside import beside
from resources.kafka_reader import Following, KafkaReader
from resources.lake import Lake, Tables
from tests.assets.stream.dagster_runs import Recorder, execute, partitions
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

HOUR = timedelta(hours=1)


@pytest.fixture
def live(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> Stream:
    """A stream whose runs end three seconds after the last message, and tell of what they did twice a second."""
    monkeypatch.setattr(live_run, "TELL_SECONDS", 0.5)
    return replace(stream, life=Life(HOUR, timedelta(seconds=3)))


@pytest.fixture
def publish(mock_kafka: MockKafka, topic: str) -> Callable[..., None]:
    return lambda *values: mock_kafka.publish(topic, values)


def meanwhile(stream: Stream, what: Callable[[], object]) -> Stream:
    """The stream, and what others do once its run has committed what there was, and before it reads on."""

    def open_reader() -> KafkaReader:
        reader = stream.open_reader()
        follow, left = reader.follow, [what]

        def first(start: Mapping[int, int]) -> AbstractContextManager[Following]:
            if left:
                left.pop()()
            return follow(start)

        reader.follow = first  # type: ignore[assignment,method-assign]
        return reader

    return replace(stream, open_reader=open_reader)


def test_a_run_reads_what_comes_while_it_lives_and_tells_of_it(
    lake: Lake, live: Stream, publish: Callable[..., None]
) -> None:
    publish(event(event_time="2019-10-01 00:00:00 UTC"))
    stream = meanwhile(live, lambda: publish(event(event_time="2019-10-02 00:00:00 UTC")))
    with dg.DagsterInstance.ephemeral() as instance:
        result = execute(lake, stream, instance, tags={LIVE: "true"})

        assert result.success
        assert set(partitions(result)["gold/product_sales"]) == {"2019-10-01", "2019-10-02"}
        assert told_batch(instance) == 2
    assert rows(lake, PRODUCT_SALES)["units"].to_list() == [1, 1]


def test_without_the_tag_a_run_reads_one_backlog(lake: Lake, live: Stream, publish: Callable[..., None]) -> None:
    publish(event())
    with dg.DagsterInstance.ephemeral() as instance:
        staying = replace(live, life=Life(HOUR, HOUR))
        assert execute(lake, staying, instance).success
    assert rows(lake, SILVER_EVENTS).height == 1


def test_an_interrupt_ends_a_run_between_two_batches(lake: Lake, live: Stream, publish: Callable[..., None]) -> None:
    publish(event())
    with dg.DagsterInstance.ephemeral() as instance:

        def end_it_once_told() -> None:
            while told_batch(instance) < 1:
                time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGINT)

        staying = replace(meanwhile(live, lambda: beside(end_it_once_told)), life=Life(HOUR, HOUR))
        with pytest.raises((dg.DagsterExecutionInterruptedError, KeyboardInterrupt)):
            execute(lake, staying, instance, tags={LIVE: "true"})
    assert not gold_is_behind(lake)


@pytest.mark.parametrize("thread", [1, 2])
def test_an_interrupt_while_a_thread_is_started_waits_until_it_is(
    lake: Lake, live: Stream, publish: Callable[..., None], monkeypatch: pytest.MonkeyPatch, thread: int
) -> None:
    """The first one tells of batches, the second one tends the lake. Torn, its start raised `release unlocked lock`."""
    publish(event())
    started = list[object]()

    def interrupted(work: Callable[[], object]) -> Future[object]:
        if len(started) == thread - 1:
            os.kill(os.getpid(), signal.SIGINT)
        started.append(work)
        return beside(work)

    monkeypatch.setattr(live_run, "beside", interrupted)
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(dg.DagsterExecutionInterruptedError):
        execute(lake, replace(live, life=Life(HOUR, HOUR)), instance, tags={LIVE: "true"})

    assert len(started) == thread


def test_an_interrupt_while_a_run_tells_of_its_batches_ends_it_too(
    lake: Lake, live: Stream, publish: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(event())
    check = checks.no_duplicate_events

    def interrupted(tables: Tables, where: str) -> Verdict:
        os.kill(os.getpid(), signal.SIGINT)
        return check(tables, where)

    monkeypatch.setattr(checks, "no_duplicate_events", interrupted)
    ended = (dg.DagsterExecutionInterruptedError, KeyboardInterrupt)
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(ended):
        execute(lake, replace(live, life=Life(HOUR, HOUR)), instance, tags={LIVE: "true"})

    assert rows(lake, PRODUCT_SALES)["units"].sum() == 1


@pytest.mark.parametrize("is_newest", [True, False], ids=["it is the newest run", "a newer run is at work"])
def test_a_run_that_was_overtaken_goes_on_only_if_it_is_the_newest(
    lake: Lake,
    live: Stream,
    publish: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    is_newest: bool,
) -> None:
    publish(event())
    monkeypatch.setattr(live_run, "has_successor", lambda context: not is_newest)

    def overtake() -> None:
        publish(event(user_id=2))
        run(lake, live)
        publish(event(user_id=3))

    with dg.DagsterInstance.ephemeral() as instance:
        result = execute(lake, meanwhile(live, overtake), instance, tags={LIVE: "true"})

    assert result.success
    assert rows(lake, SILVER_EVENTS)["user_id"].n_unique() == (3 if is_newest else 2)
    run(lake, live)
    assert rows(lake, PRODUCT_SALES)["units"].sum() == 3


def test_an_old_run_reads_until_its_successor_is_there(
    lake: Lake, live: Stream, publish: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(event())
    asked = itertools.count(1)
    monkeypatch.setattr(live_run, "HANDOVER_SECONDS", 0.5)
    monkeypatch.setattr(live_run, "has_successor", lambda context: next(asked) > 4)
    with dg.DagsterInstance.ephemeral() as instance:
        old = replace(meanwhile(live, lambda: publish(event(user_id=2))), life=Life(timedelta(0), HOUR))
        assert execute(lake, old, instance, tags={LIVE: "true"}).success

    assert next(asked) == 6
    assert rows(lake, SILVER_EVENTS).height == 2


def test_a_newer_run_that_stays_is_a_successor(lake: Lake, live: Stream, publish: Callable[..., None]) -> None:
    publish(event())
    with dg.DagsterInstance.ephemeral() as instance:
        other = dg.DagsterRun("stream", run_id="1" * 36, status=dg.DagsterRunStatus.STARTED, tags={LIVE: "true"})
        old = replace(meanwhile(live, lambda: instance.add_run(other)), life=Life(timedelta(0), HOUR))
        assert execute(lake, old, instance, tags={LIVE: "true"}).success


def test_a_newer_run_of_a_single_backlog_takes_nothing_over(
    lake: Lake, live: Stream, publish: Callable[..., None]
) -> None:
    publish(event())

    def by_hand() -> None:
        instance.add_run(dg.DagsterRun("stream", run_id="1" * 36, status=dg.DagsterRunStatus.STARTED))
        publish(event(user_id=2))
        run(lake, live)
        publish(event(user_id=3))

    with dg.DagsterInstance.ephemeral() as instance:
        assert execute(lake, meanwhile(live, by_hand), instance, tags={LIVE: "true"}).success

    assert rows(lake, PRODUCT_SALES)["units"].sum() == 3


def test_no_payment_waits_for_a_slow_replica(lake: Lake, live: Stream, publish: Callable[..., None]) -> None:
    publish(event())
    slow = Recorder("slow", first=lambda: await_a_payment(lake, publish))
    with dg.DagsterInstance.ephemeral() as instance:
        result = execute(lake, replace(live, replicas=(slow,)), instance, tags={LIVE: "true"})

    assert partitions(result)["serving/slow"] == [None]


def test_no_payment_waits_for_a_slow_check(
    lake: Lake, live: Stream, publish: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(event())
    check, waited = checks.no_duplicate_events, list[float]()

    def slowly(tables: Tables, where: str) -> Verdict:
        if not waited:
            waited.append(await_a_payment(lake, publish))
        return check(tables, where)

    monkeypatch.setattr(checks, "no_duplicate_events", slowly)
    with dg.DagsterInstance.ephemeral() as instance:
        result = execute(lake, live, instance, tags={LIVE: "true"})

    assert waited
    assert all(evaluation.passed for evaluation in result.get_asset_check_evaluations())


def await_a_payment(lake: Lake, publish: Callable[..., None]) -> float:
    """The seconds until gold has a second payment, which is made now."""
    publish(event(user_id=2))
    begun = time.monotonic()
    while rows(lake, PRODUCT_SALES)["units"].sum() < 2:
        assert time.monotonic() < begun + 240, "the payment waits"
        time.sleep(0.1)
    return time.monotonic() - begun


def test_a_replica_that_fails_for_long_fails_the_run(
    lake: Lake, live: Stream, publish: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_run, "MOST_FAILURES", 3)
    publish(event())
    away = Recorder("away", fails=True, first=lambda: publish(event(user_id=2)))
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(ReplicaError, match="away is away"):
        execute(lake, replace(live, life=Life(HOUR, HOUR), replicas=(away,)), instance, tags={LIVE: "true"})
    assert rows(lake, PRODUCT_SALES)["units"].sum() == 2
