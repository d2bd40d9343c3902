"""A run that stays: it reads on until its successor has taken over, the shop is quiet, or somebody ends it.

Two runs at once are safe: the one that commits second is refused, drops what it had read, and looks whether a newer run
is there. If so it ends; else it goes on. So a run hands over without a gap: it reads until its successor has committed.

What takes long (counting what there is to tell, the checks, merging files, updating the replicas) is done in a thread
beside: no payment waits for it.
Add here: when a run ends, and what it does between batches. Not here: when one starts (`sensors.kafka_sensor`), or when
messages are committed (`live_stream`).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
from dagster._utils.interrupts import capture_interrupts, check_captured_interrupt, pop_captured_interrupt

from assets.runs.last_results import Happened
from assets.stream.live_stream import LiveStream, TopicChangedError
from assets.stream.micro_batch import STREAM_TABLES
from assets.stream.replicas import ReplicaError
from assets.stream.run_summary import RunSummary
from resources.beside import beside
from resources.lake import OpenTables
from resources.lake_errors import FencedOffError, ProgressMovedError

LIVE = "salesinsights/live"
"""The tag of a run that stays."""

TELL_SECONDS = 30.0
"""How often a run tells Dagster what has changed, runs the checks, and begins to tend the lake and the replicas."""

HANDOVER_SECONDS = 2.0
"""How often a run that is old enough looks for its successor."""

MOST_FAILURES = 10
"""After so many vain attempts in a row to update the replicas a run fails, so that somebody is alerted."""


@dataclass(frozen=True)
class Report:
    """What there is to tell Dagster of some batches, and what to do once it is told."""

    happened: Sequence[Happened]
    then: Callable[[], None]


Tell = Callable[[OpenTables, RunSummary], Report]
Tend = Callable[[RunSummary], Iterable[Happened]]


@dataclass(frozen=True)
class Life:
    """How long a run stays: until a successor takes over after `lives`, or `idles` after the last message."""

    lives: timedelta
    idles: timedelta


@dataclass
class LiveRun:
    """One run that stays. `tell` makes the report of some batches, from tables that it is given.

    After them, `tend` merges small files, updates the replicas, and yields what there is to tell of that; it loads
    tables of its own. Both are called in a thread. `elapsed` is a clock in seconds that only goes forward.
    """

    context: dg.AssetExecutionContext
    open_live: Callable[[], LiveStream]
    life: Life
    tell: Tell
    tend: Tend
    elapsed: Callable[[], float] = time.monotonic
    failures: int = 0
    """How often in a row the replicas could not be updated."""
    tending: Future[list[Happened]] | None = None

    def happened(self) -> Iterator[Happened]:
        """Process batches as messages come, and yield what there is to tell every TELL_SECONDS.

        An interrupt (somebody ends the run in the UI, or the process is asked to stop) ends it between two batches, as
        DagsterExecutionInterruptedError. Raises what the layers raise, and ReplicaError after MOST_FAILURES.
        """
        self._begun = self.elapsed()
        while True:
            try:
                yield from self._pass(self.open_live())
            except (ProgressMovedError, TopicChangedError, FencedOffError) as moved:
                if has_successor(self.context):
                    self.context.log.info(f"{moved}; a newer run goes on")
                    return
                self.context.log.info(f"{moved}; beginning again at the lake's offsets")
            else:
                return

    def _pass(self, live: LiveStream) -> Iterator[Happened]:
        summary = RunSummary()
        for receipt in live.backlog():
            summary.add(receipt)
            self.context.log.debug(receipt.line)
        is_over = False
        with live.at_the_end():
            while True:
                if is_over:
                    live.catch_up()
                told, summary = summary, RunSummary()
                yield from self._told(live, told, summary)
                yield from self._tended(told, is_last=is_over)
                if is_over:
                    return
                self._read(live, summary)
                # Asked after reading: telling may have taken so long that the topic only seems quiet.
                is_over = self._is_over(live)

    def _told(self, live: LiveStream, told: RunSummary, summary: RunSummary) -> Iterator[Happened]:
        """Tell of `told`. Payments do not wait for it: they go to `summary`. Raises as `between_batches`."""
        with between_batches():
            # Begun in here too: an interrupt while Python starts a thread can come out as another error.
            telling = beside(lambda: self.tell(live.tables.again(STREAM_TABLES), told))
            while not telling.done() and not check_captured_interrupt():
                summary.note(live.step())
        report = telling.result()
        for event in report.happened:
            yield event
            with between_batches():
                summary.note(live.step(0))
        report.then()

    def _tended(self, told: RunSummary, *, is_last: bool) -> Iterator[Happened]:
        """Yield what the last tending had to tell, once it is done; then begin the next. The last time, wait for it."""
        if self.tending is not None and (is_last or self.tending.done()):
            yield from self._result(self.tending)
            self.tending = None
        if self.tending is None:
            with between_batches():
                self.tending = beside(lambda: list(self.tend(told)))
        if is_last:
            yield from self._result(self.tending)

    def _result(self, tending: Future[list[Happened]]) -> Iterator[Happened]:
        try:
            happened = tending.result()
        except ReplicaError as failure:
            self.failures += 1
            if self.failures >= MOST_FAILURES:
                raise
            self.context.log.warning(f"{failure}; trying again in {TELL_SECONDS:.0f} s")
        except FencedOffError as fence:
            self.context.log.info(f"{fence}; it is tended again in {TELL_SECONDS:.0f} s")
        else:
            self.failures = 0
            yield from happened

    @property
    def _is_old(self) -> bool:
        return self.elapsed() - self._begun >= self.life.lives.total_seconds()

    def _is_over(self, live: LiveStream) -> bool:
        if live.quiet_seconds >= self.life.idles.total_seconds():
            return True
        return self._is_old and has_successor(self.context)

    def _read(self, live: LiveStream, summary: RunSummary) -> None:
        """Process batches until it is time to report them. Raises as `between_batches`."""
        until = self.elapsed() + (HANDOVER_SECONDS if self._is_old else TELL_SECONDS)
        with between_batches():
            while self.elapsed() < until and not check_captured_interrupt():
                summary.note(live.step())


@contextmanager
def between_batches() -> Iterator[None]:
    """An interrupt within the block is raised at its end, as DagsterExecutionInterruptedError: no batch is torn."""
    with capture_interrupts():
        yield
        # Dagster forgets what it has captured when its own block ends.
        is_ended = pop_captured_interrupt()
    if is_ended:
        raise dg.DagsterExecutionInterruptedError


def has_successor(context: dg.AssetExecutionContext) -> bool:
    """Whether a newer run that stays is at work. One that reads a single backlog takes nothing over."""
    mine = context.instance.get_run_record_by_id(context.run.run_id)
    started = dg.RunsFilter(tags={LIVE: "true"}, statuses=[dg.DagsterRunStatus.STARTED])
    return mine is not None and any(
        record.create_timestamp > mine.create_timestamp for record in context.instance.get_run_records(started)
    )
