"""Every call fails once: whatever fails, at whichever call, doing it again makes it as if nothing had failed.

A story is carried out undisturbed, which shows its calls; then once for each of them on a copy of the same lake, where
that call fails. There are 1,600 failures, three quarters of an hour of CPU, so the suite makes a selection, always the
same; a campaign (`tests.campaign`) tries all of them.
"""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from assets.progress.batches import BATCH
from assets.silver import day_pieces, silver
from assets.tables import SILVER_QUARANTINE
from assets.upkeep.audit import audit
from tests.faults.failing_calls import AFTER, Calls, Fault, affordable, faults_of, watched
from tests.faults.feed import Feed
from tests.faults.stories import STORIES, Story, World, differences, state
from tests.resources.mock_kafka import MockKafka


@pytest.fixture
def start(feed: Feed, mock_kafka: MockKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    # Small pieces, so that days are put aside in files.
    monkeypatch.setattr(day_pieces, "ROWS_AT_ONCE", 20)
    (tmp_path / "start").mkdir()
    return World(tmp_path / "start", mock_kafka.connection, feed)


def copied(start: World, name: str) -> World:
    folder = start.folder.with_name(name)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(start.folder, folder)
    return World(folder, start.connection, start.feed)


def outcome(start: World, story: Story, fault: Fault, expected: Mapping[str, Any]) -> str:
    """What is wrong after the fault and a second try; nothing, as it should be."""
    world, calls = copied(start, "faulty"), Calls(fault)
    # Whatever the fault becomes: what counts is what is left.
    with watched(calls), suppress(Exception):
        story.deed(world)
    if not calls.has_failed:
        return "the call was not made again"
    try:
        story.deed(world)
    except Exception as error:  # noqa: BLE001  # named, and the next fault is tried
        return f"the second try fails: {type(error).__name__}: {error}"
    return ", ".join(differences(state(story, world.lake), expected))


@pytest.mark.parametrize("name", STORIES)
def test_after_any_failure_a_second_try_gives_the_same(name: str, start: World) -> None:
    story = STORIES[name]
    story.before(start)
    calm, calls = copied(start, "calm"), Calls()
    with watched(calls):
        story.deed(calm)
    expected = state(story, calm.lake)
    assert audit(calm.lake).findings == []

    faults = affordable(faults_of(calls.made), story.most)
    wrong = {fault: said for fault in faults if (said := outcome(start, story, fault, expected))}

    print(f"{name}: {len(calls.made)} calls, {len(faults_of(calls.made))} faults, {len(faults)} of them tried")
    assert wrong == {}


def test_without_its_guard_a_call_that_failed_after_its_effect_does_harm(
    start: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quarantine has the rows of a batch that nobody was told of: they have to be replaced, not added."""
    monkeypatch.setattr(silver, "_append_once", lambda table, rows, number: table.append(rows, {BATCH: number}))
    story = STORIES["a batch"]
    story.before(start)
    calm, calls = copied(start, "calm"), Calls()
    with watched(calls):
        story.deed(calm)
    (call,) = (call for call in calls.made if (call.deed, call.to) == ("write", SILVER_QUARANTINE.name))

    assert outcome(start, story, Fault(call, AFTER), state(story, calm.lake)) == SILVER_QUARANTINE.sql_name
