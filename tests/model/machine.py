"""A machine that tries to break the lake: hypothesis draws what happens, and every step is judged.

Add here: something that may happen. Not here: how it is done (`deeds`), what must hold then (`judgement`).
"""

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from assets.bronze.bronze import OffsetsLostError
from assets.silver import silver
from assets.silver.duplicates import judge_duplicates
from assets.silver.silver import MessagesUnaccountedError
from assets.tables import BRONZE_EVENTS
from resources.kafka_reader import KafkaUnavailableError
from resources.lake_errors import ConcurrentCommitError, LakeError, ProgressMovedError
from resources.lake_table import LakeTable
from tests.faults.interleaving import CrashError
from tests.lakes import ALL, age
from tests.model import judgement
from tests.model.calls import FAULTS, Fault, Turns, hooked
from tests.model.deeds import AcceptLoss, Compact, Deed, Forget, KeepUp, Load, Look, Rebuild, Repair, Replay, Run, Stay
from tests.model.known import LEARNT, NOW, OLD_DAYS, START, USERS, Said
from tests.model.outside import AddPartitions, EndTransaction, KafkaDeletes, Outside, SetTheClock, has_begun
from tests.model.shop import FIRST_PARTITIONS, PARTITIONS, Shop, empty_lake
from tests.model.topic import Topic

STREAMED = {layout.name: layout for layout in ALL}

LOST_RACE = (ConcurrentCommitError, ProgressMovedError)
"""What may end a deed beside others: it has to be done again, or another has done it."""

FAILED = (CrashError, LakeError, KafkaUnavailableError)
"""What may end a deed with a fault in it."""


@cache
def _template() -> "tempfile.TemporaryDirectory[str]":
    """A folder with a lake to copy, which is there as long as the process."""
    folder = tempfile.TemporaryDirectory(prefix="model-")
    empty_lake(Path(folder.name) / "lake")
    return folder


def said(days: tuple[str, ...], ids: tuple[str | None, ...], wrong: tuple[str | None, ...]) -> st.SearchStrategy[Said]:
    """Few different ones, so that they meet."""
    seconds = st.sampled_from(["10:00:10", "10:00:50"])
    return st.builds(
        Said,
        st.tuples(st.sampled_from(days), seconds).map(lambda t: NOW if t[0] == NOW else "{} {} UTC".format(*t)),
        st.sampled_from(["purchase", "purchase", "view", LEARNT]),
        st.integers(1, 2),
        st.sampled_from(["1.00", "2.50", "-1.00"]),
        st.sampled_from(USERS),
        st.sampled_from(ids),
        st.sampled_from([None, "s"]),
        st.sampled_from(wrong),
    )


def faults() -> st.SearchStrategy[Fault]:
    after = st.integers(0, 9) | st.integers(0, 60)
    return st.builds(Fault, st.sampled_from([fault.__name__ for fault in FAULTS]), after)


MESSAGES = said((*OLD_DAYS, NOW), (None, None, "e1", "e2"), (None, None, None, None, "not_json", "bad_price"))
LINES = said(OLD_DAYS, (None,), (None, None, None, "bad_price", "unknown_event_type"))
SENT = st.lists(st.tuples(MESSAGES, st.integers(0, PARTITIONS - 1)), min_size=1, max_size=4)
FRESH: st.SearchStrategy[list[tuple[Said, int]]] = st.just([]) | SENT
DAYS = [*map(date.fromisoformat, OLD_DAYS), START.date()]
SOME_DAYS = st.lists(st.sampled_from(DAYS), min_size=1, max_size=2, unique=True).map(tuple)
BATCH_ROWS = st.sampled_from([1_000, 3])

STREAMS = st.one_of(st.builds(Run, BATCH_ROWS), st.builds(Stay, st.integers(1, 4), BATCH_ROWS))
OTHERS: st.SearchStrategy[Deed] = st.one_of(
    st.builds(Load, st.lists(LINES, max_size=4).map(tuple)),
    st.builds(Rebuild, SOME_DAYS),
    st.builds(Forget, st.sampled_from(USERS)),
    st.sampled_from([Replay(), Compact(), KeepUp(), Look(), AcceptLoss()]),
)
DEEDS: st.SearchStrategy[Deed] = st.one_of(STREAMS, STREAMS, OTHERS)


def loading_too(deed: Deed, messages: list[tuple[Said, int]]) -> Deed:
    """The deed; if it loads a file, with lines that say what these messages do. By chance hardly any would."""
    if not isinstance(deed, Load):
        return deed
    old = [said for said, _ in messages if said.time != NOW and said.wrong != "not_json"]
    return replace(deed, lines=(*deed.lines, *(replace(said, id=None) for said in old)))


OUTSIDE: st.SearchStrategy[Outside] = st.one_of(
    st.builds(SetTheClock, st.sampled_from([-90, -1, 1, 90])),
    st.just(AddPartitions()),
    st.builds(EndTransaction, st.booleans()),
    st.builds(KafkaDeletes, st.integers(0, PARTITIONS - 1), st.integers(0, 3)),
)
SELDOM = st.one_of(st.none(), st.none(), st.none(), faults())
"""Most races have no fault in them: one that fails early comes to nothing that another could disturb."""

RACER = st.tuples(st.one_of(STREAMS, OTHERS, OTHERS), SELDOM)
RACES = st.builds(
    lambda stream, others: [stream, *others],
    st.tuples(STREAMS, SELDOM),
    st.lists(RACER, min_size=1, max_size=2),
)
"""A run of the stream, and others beside it."""

CALLS = st.integers(0, 25)
TURNS = st.lists(CALLS, min_size=1, max_size=8) | st.lists(CALLS, min_size=1, max_size=1)
"""How many calls each makes in its turn; after the last turn each goes on to its end. Often one comes in
between, once."""


class Machine(RuleBasedStateMachine):
    """A shop, and what may happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self._world = ExitStack()
        folder = Path(self._world.enter_context(tempfile.TemporaryDirectory(prefix="model-")))
        shutil.copytree(Path(_template().name) / "lake", folder / "lake")
        self.shop = Shop(folder, Topic("first", FIRST_PARTITIONS))
        self._world.enter_context(self.shop.open())
        self._is_broken = False
        self._reached = judgement.progress(self.shop)
        self._on_disk = judgement.versions(self.shop.lake)
        self._told = judgement.restatements(self.shop.lake)

    @initialize(messages=SENT)
    def open_the_shop(self, messages: list[tuple[Said, int]]) -> None:
        self.shop.publish(messages)

    @rule(messages=SENT, again=st.lists(st.integers(0, 9), max_size=2), in_transaction=st.booleans())
    def publish(self, messages: list[tuple[Said, int]], again: list[int], in_transaction: bool) -> None:
        """New messages, and copies of old ones."""
        sent = self.shop.known.committed
        copies = [(sent[number % len(sent)].said, number) for number in again if sent]
        self.shop.publish([*messages, *copies], in_transaction=in_transaction)
        self.shop.tick()

    @rule(messages=FRESH, deed=DEEDS, fault=st.none() | faults())
    def do(self, messages: list[tuple[Said, int]], deed: Deed, fault: Fault | None) -> None:
        """One deed alone, perhaps with a fault in it."""
        self.shop.publish(messages)
        with self._judged():
            deed.begin(self.shop)
            try:
                with self.shop.ruled(), hooked(fault.hook() if fault else None):
                    deed.do(self.shop)
            except OffsetsLostError:
                assert self.shop.topic.first, "nothing was deleted"
            except FAILED:
                if fault is None:
                    raise
                self._leave(deed)

    @rule(messages=SENT, drawn=RACES, turns=TURNS)
    def race(self, messages: list[tuple[Said, int]], drawn: list[tuple[Deed, Fault | None]], turns: list[int]) -> None:
        """Deeds beside each other, perhaps with faults in them."""
        deeds = [(loading_too(deed, messages), fault) for deed, fault in drawn]
        self.shop.publish(messages)
        with self._judged():
            for deed, _ in deeds:
                deed.begin(self.shop)
            with self.shop.ruled():
                outcomes = Turns([(partial(deed.do, self.shop), fault) for deed, fault in deeds], turns).run()
            for (deed, fault), outcome in zip(deeds, outcomes, strict=True):
                if isinstance(outcome, OffsetsLostError):
                    assert self.shop.topic.first, "nothing was deleted"
                elif outcome is not None and not isinstance(outcome, FAILED if fault else LOST_RACE):
                    raise outcome
                # Of two files that were loaded at once either may have come last.
                if outcome is not None or isinstance(deed, Load):
                    self._leave(deed)

    @rule(messages=SENT, turn=CALLS)
    def come_by_two_ways_at_once(self, messages: list[tuple[Said, int]], turn: int) -> None:
        """A file holds what Kafka has too, and is loaded between two calls of the run that reads it there."""
        self.race(messages, [(Run(), None), (Load(()), None)], [turn])

    @rule(messages=FRESH, what=OUTSIDE)
    def happen(self, messages: list[tuple[Said, int]], what: Outside) -> None:
        self.shop.publish(messages)
        what.happen(self.shop)

    @rule()
    def let_a_day_pass(self) -> None:
        """All is on the disk, and upkeep deletes whatever the newest versions do not name."""
        self.shop.tick(timedelta(days=1))
        aged = patch.object(LakeTable, "vacuum", lambda table, hours: age(table, hours, None))
        with self._judged(), aged:
            KeepUp().do(self.shop)
        self._on_disk = judgement.versions(self.shop.lake)

    @rule()
    def recreate_the_topic(self) -> None:
        """Another topic takes the name, which must stop the stream, until the old one is back."""
        with self._judged(), self.shop.ruled():
            self.shop.topic.id, is_stopped = "second", not has_begun(self.shop)
            try:
                if not is_stopped:
                    Run().do(self.shop)
            except OffsetsLostError:
                is_stopped = True
            self.shop.topic.id = "first"
            assert is_stopped, "the stream read on in another topic"

    @rule(messages=SENT)
    def judge_wrongly(self, messages: list[tuple[Said, int]]) -> None:
        """A fault in the code makes an event vanish: the batch must not be committed."""

        def without_first(events: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
            vanished.append(events.height > 0)
            return judge_duplicates(events[1:], stored)

        vanished = list[bool]()
        self.shop.publish(messages)
        with self._judged(), self.shop.ruled(), patch.object(silver, "judge_duplicates", without_first):
            try:
                Run().do(self.shop)
            except MessagesUnaccountedError:
                return
            except OffsetsLostError:
                assert self.shop.topic.first
            assert not any(vanished), "an event vanished, and nobody noticed"

    @rule(lost=st.sets(st.sampled_from(list(STREAMED)), min_size=1), fault=st.none() | faults())
    def cut_the_power(self, lost: set[str], fault: Fault | None) -> None:
        """The last commit of some tables loses its content, unless it was on the disk; then the lake is repaired."""
        with self._judged(), self.shop.ruled():
            for name in sorted(lost):
                table = self.shop.lake.table(STREAMED[name])
                if name == BRONZE_EVENTS.name and self.shop.topic.first:
                    continue  # Kafka may have deleted what it would have to read again.
                if table.version > self._on_disk[name]:
                    max((table.folder / "_delta_log").glob("*.json")).write_bytes(b"")
            self._reached = {}
            try:
                with hooked(fault.hook() if fault else None):
                    Repair().do(self.shop)
            except FAILED:
                if fault is None:
                    raise
                Repair().do(self.shop)
            self.shop.must_be_done_again()

    @rule()
    def judge(self) -> None:
        """All is finished, right, and written to the disk."""
        with self._judged():
            judgement.assert_what_is_known_is_there(self.shop)
            self._on_disk = judgement.versions(self.shop.lake)

    def teardown(self) -> None:
        try:
            if not self._is_broken:
                judgement.assert_all_is_right(self.shop)
        finally:
            self._world.close()

    def _leave(self, deed: Deed) -> None:
        if deed.is_done_again:
            self.shop.unfinished[deed] = None

    def _judged(self) -> "ExitStack":
        """What must hold after a step; a story that broke it is at its end."""
        stack = ExitStack()

        def judge(kind: Any, error: Any, trace: Any) -> None:
            self._is_broken = True
            if error is None:
                self.shop.tick()
                judgement.assert_no_event_is_there_twice(self.shop.lake)
                reached = judgement.progress(self.shop)
                lower = {
                    name: (self._reached.get(name, 0), at)
                    for name, at in reached.items()
                    if at < self._reached.get(name, 0)
                }
                assert lower == {}, "progress went down"
                told = judgement.restatements(self.shop.lake)
                assert self._told <= told, "a restatement that was told is gone"
                self._reached, self._told = reached, told
                self._is_broken = False

        stack.push(judge)
        return stack
