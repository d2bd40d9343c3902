"""Every guard, tested with and without it: the same scenario ends well with the guard, and in harm without it.

Add here: a guard, the scenario that needs it, and how it is switched off.
Not here: how a fault is made (`interleaving`), what is right (`oracle`).
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest

from assets.archive.month_files import find_month
from assets.archive.month_loader import load_month
from assets.bronze import bronze as bronze_events
from assets.events.contract import EVENT
from assets.progress.batches import BATCH
from assets.silver import day_pieces, duplicates, silver
from assets.silver.silver import rebuild_silver
from assets.stream import micro_batch
from assets.stream.checks import no_duplicate_events
from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_EVENTS, SILVER_BATCHES
from assets.upkeep.audit import audit
from resources.lake import Lake, OpenTables
from resources.lake_errors import again_on_conflict
from resources.lake_table import LakeTable
from tests.faults.feed import DAYS, Feed
from tests.faults.interleaving import CrashError, crash_before, kinds, meet_before, once_after, once_before, together
from tests.faults.oracle import assert_lake_holds
from tests.lakes import run
from tests.resources.mock_kafka import MockTopicReader


@dataclass
class World:
    """A lake, the stream into it, and the feed that it reads."""

    lake: Lake
    shop: Stream
    feed: Feed
    patch: pytest.MonkeyPatch

    def run(self) -> object:
        return run(self.lake, self.shop)

    def outcome(self) -> str:
        """The outcome of a run: `list`, or the name of the error that stops it."""
        (kind,) = kinds(together(self.run))
        return kind

    def assert_right(self) -> None:
        assert_lake_holds(self.lake, self.feed.log)


@pytest.fixture
def world(lake: Lake, stream: Stream, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(lake, stream, feed, monkeypatch)


Deed = Callable[[World], None]


def crash_right_after_a_commit(world: World) -> None:
    world.feed.publish()
    append = LakeTable.append

    def append_and_crash(*arguments: Any) -> None:
        append(*arguments)
        raise CrashError

    with world.patch.context() as only_here:
        only_here.setattr(LakeTable, "append", append_and_crash)
        together(world.run)
    world.run()
    world.assert_right()


def another_run_commits_the_same_offsets_first(world: World) -> None:
    world.feed.publish()
    once_before(world.patch, micro_batch, "commit_batch", world.run)
    together(world.run)
    world.assert_right()


def race_at_silver(world: World) -> None:
    world.feed.publish()
    crash_before(world.patch, micro_batch.Layers, "refine", world.run)
    meet_before(world.patch, silver, "_append_once")
    together(world.run, world.run)
    world.assert_right()


def three_batches(world: World) -> None:
    for _ in range(3):
        world.feed.publish()
        world.run()
    world.assert_right()


def rebuild_while_a_batch_is_unfinished(world: World) -> None:
    world.feed.publish()
    world.run()
    world.feed.publish()
    crash_before(world.patch, micro_batch.Layers, "refine", world.run)
    rebuild_silver(world.lake, [date.fromisoformat(day) for day in DAYS])
    world.run()
    world.assert_right()


def another_run_leaves_a_batch_unfinished(world: World) -> None:
    def other_run_ends_after_bronze() -> None:
        world.feed.publish()
        crash_before(world.patch, micro_batch.Layers, "refine", world.run)
        world.feed.publish()

    world.feed.publish()
    world.run()
    once_after(world.patch, micro_batch.Layers, "finish_last", other_run_ends_after_bronze)
    together(world.run)
    world.run()
    world.assert_right()


def a_month_with_the_same_events_is_loaded_between_look_and_commit(world: World) -> None:
    world.feed.publish()
    events = [stored.told for stored in world.feed.log if isinstance(stored.told, dict)]
    folder = Path(world.lake.root).parent
    pl.DataFrame([{name: event[name] for name in EVENT} for event in events]).write_csv(folder / "2019-Oct.csv")
    month = find_month(folder, date(2019, 10, 1))
    once_after(world.patch, silver, "split", lambda: load_month(world.lake, month, datetime.now(UTC), 45))
    world.run()
    assert no_duplicate_events(world.lake, "true").passed, "events are there twice"
    assert audit(world.lake).findings == []


def retention_passes_the_cursor(world: World) -> None:
    world.feed.publish()
    world.run()
    world.feed.publish()
    state = world.shop.open_reader().state()
    world.patch.setattr(MockTopicReader, "state", lambda reader: replace(state, start=state.end))
    assert world.outcome() == "OffsetsLostError"


def another_topic_has_the_name(world: World) -> None:
    world.feed.publish()
    world.run()
    world.feed.publish()
    world.patch.setattr(MockTopicReader, "topic_id", "second")
    assert world.outcome() == "OffsetsLostError"


def a_message_is_neither_kept_nor_refused(world: World) -> None:
    world.feed.publish()
    judge = duplicates.judge_duplicates
    world.patch.setattr(silver, "judge_duplicates", lambda events, stored: judge(events[1:], stored))
    assert world.outcome() == "MessagesUnaccountedError"
    assert world.lake.table(SILVER_BATCHES).version == 0


def commit_rows_and_progress_apart(world: World) -> None:
    append = LakeTable.append
    world.patch.setattr(LakeTable, "append", lambda table, rows, progress: append(table, rows, {}))


Rows = Callable[[], pl.DataFrame]


def appended(bronze: LakeTable, events: pl.DataFrame, progress: dict[str, int]) -> tuple[pl.DataFrame, int]:
    """What `bronze._append` returns."""
    bronze.append(events, progress)
    return events, bronze.fence


def retry_bronze_without_looking(world: World) -> None:
    def append(tables: OpenTables, rows: Rows, progress: dict[str, int]) -> tuple[pl.DataFrame, int]:
        return again_on_conflict(
            lambda: appended(tables.table(BRONZE_EVENTS), rows(), progress), lambda: tables.refresh([BRONZE_EVENTS])
        )

    world.patch.setattr(bronze_events, "_append", append)


def commit_bronze_through_another_handle(world: World) -> None:
    def append(tables: OpenTables, rows: Rows, progress: dict[str, int]) -> tuple[pl.DataFrame, int]:
        return appended(world.lake.table(BRONZE_EVENTS), rows(), progress)

    world.patch.setattr(bronze_events, "_append", append)


def append_to_silver_without_looking(world: World) -> None:
    def append(table: LakeTable, rows: pl.DataFrame, number: int) -> None:
        again_on_conflict(lambda: world.lake.table(table.layout).append(rows, {BATCH: number}))

    world.patch.setattr(silver, "_append_once", append)


def forget_what_silver_holds(world: World) -> None:
    stored = silver._stored_copies
    world.patch.setattr(silver, "_stored_copies", lambda *arguments: stored(*arguments).clear())


def judge_messages_one_by_one(world: World) -> None:
    judge = duplicates.judge_duplicates

    def alone(events: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
        return pl.concat([judge(row, stored) for row in events.iter_slices(1)] or [judge(events, stored)])

    world.patch.setattr(silver, "judge_duplicates", alone)


def add_to_gold(world: World) -> None:
    put = LakeTable.replace

    def add(table: LakeTable, rows: pl.DataFrame, where: str, progress: dict[str, int]) -> None:
        if table.layout.name.startswith("gold/"):
            table.append(rows, progress)
        else:
            put(table, rows, where, progress)

    world.patch.setattr(LakeTable, "replace", add)


def rebuild_from_all_of_bronze(world: World) -> None:
    whole = day_pieces.pieces_of
    world.patch.setattr(silver, "pieces_of", lambda bronze, days, last, added: whole(bronze, days, 2**31, added))


def take_no_offset_for_lost(world: World) -> None:
    world.patch.setattr(bronze_events, "_lost", lambda *arguments, **named: None)


def take_every_topic_for_the_same(world: World) -> None:
    world.patch.setattr(bronze_events, "_fingerprint", lambda topic_id: 1)


def mutate(world: World, module: ModuleType, function: str, guard: str, without: str) -> None:
    """Let the module use its function with `without` in place of the guard."""
    original, mutant = getattr(module, function), dict[str, Any]()
    source = inspect.getsource(original)
    assert guard in source, "the guard is written in another way now: name it here"
    exec(source.replace(guard, without), original.__globals__, mutant)  # noqa: S102
    world.patch.setattr(module, function, mutant[function])


def rebuild_silver_without_a_word(world: World) -> None:
    mutate(world, silver, "_take_place", "BATCH: covered, ", "")


def let_sums_be_wrong(world: World) -> None:
    mutate(world, silver, "split", "!= batch.events.height", "< 0")


def look_at_bronze_late(world: World) -> None:
    look = bronze_events.next_offsets

    def look_late(bronze: LakeTable, *more: Any) -> object:
        bronze._delta.update_incremental()
        return look(bronze, *more)

    world.patch.setattr(micro_batch, "next_offsets", look_late)


def look_at_bronze_late_and_pass_over_batches(world: World) -> None:
    look_at_bronze_late(world)
    mutate(world, silver, "_advance", "batch.number != covered + 1", "False")


GUARDS: list[tuple[Deed, Deed, str]] = [
    (crash_right_after_a_commit, commit_rows_and_progress_apart, "bronze/events"),
    (another_run_commits_the_same_offsets_first, retry_bronze_without_looking, "bronze/events"),
    (another_run_commits_the_same_offsets_first, commit_bronze_through_another_handle, "bronze/events"),
    (race_at_silver, append_to_silver_without_looking, "silver/quarantine"),
    (three_batches, forget_what_silver_holds, "silver/quarantine"),
    (three_batches, judge_messages_one_by_one, "silver/quarantine"),
    (three_batches, add_to_gold, "gold/product_sales"),
    (rebuild_while_a_batch_is_unfinished, rebuild_from_all_of_bronze, "silver/quarantine"),
    (retention_passes_the_cursor, take_no_offset_for_lost, "list"),
    (another_topic_has_the_name, take_every_topic_for_the_same, "list"),
    (another_run_leaves_a_batch_unfinished, look_at_bronze_late, "batch 3 can't be the next"),
    (another_run_leaves_a_batch_unfinished, look_at_bronze_late_and_pass_over_batches, "silver/quarantine"),
    (
        a_month_with_the_same_events_is_loaded_between_look_and_commit,
        rebuild_silver_without_a_word,
        "events are there twice",
    ),
    (a_message_is_neither_kept_nor_refused, let_sums_be_wrong, "list"),
]
"""The scenario, how its guard is switched off, and where the harm shows then."""


@pytest.mark.parametrize("scenario", list(dict.fromkeys(scenario for scenario, _, _ in GUARDS)))
def test_with_its_guard_it_ends_well(world: World, scenario: Deed) -> None:
    scenario(world)


@pytest.mark.parametrize(("scenario", "switch_off", "harm"), GUARDS)
def test_without_its_guard_it_ends_in_harm(world: World, scenario: Deed, switch_off: Deed, harm: str) -> None:
    switch_off(world)
    with pytest.raises(AssertionError, match=harm):
        scenario(world)
