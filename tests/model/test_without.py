"""The machine finds faults that lie at the end of a story which it seldom invents: here the story is given.

Add here: a guard that random stories find late. Not here: guards that they find soon (`python -m benchmarks --only
guards` shows which).
"""

from collections.abc import Callable
from datetime import date

import pytest

from tests.faults.test_guards import (
    rebuild_from_all_of_bronze,
    rebuild_silver_without_a_word,
    take_no_offset_for_lost,
)
from tests.model.calls import Fault, full_disk
from tests.model.deeds import Load, Rebuild, Run
from tests.model.known import OLD_DAYS, Said
from tests.model.machine import Machine
from tests.model.outside import EndTransaction, KafkaDeletes
from tests.model.without import SwitchOff, move_back_to_the_last_message, unguarded

DAY = date.fromisoformat(OLD_DAYS[0])
FIRST, SECOND = (Said(f"{DAY} 10:00:{second} UTC") for second in (10, 50))

AFTER_ITS_LOOK = 12
"""Calls of a run after which the other one may come in: with 8 to 16 it does so between the look and the commit."""

Story = Callable[[Machine], None]


def rebuild_a_day_of_an_unfinished_batch(machine: Machine) -> None:
    machine.open_the_shop([(FIRST, 0)])
    machine.do([], Run(), Fault(full_disk.__name__, after=1))
    machine.do([], Rebuild((DAY,)), None)


def let_kafka_delete_what_was_not_read(machine: Machine) -> None:
    machine.open_the_shop([(FIRST, 0)])
    machine.do([], Run(), None)
    machine.happen([(SECOND, 0)], KafkaDeletes(partition=0, left=0))
    machine.do([], Run(), None)


def read_a_partition_that_ends_in_a_marker(machine: Machine) -> None:
    machine.open_the_shop([(FIRST, 0)])
    machine.publish([(SECOND, 0)], [], in_transaction=True)
    machine.happen([], EndTransaction(commits=True))
    machine.do([], Run(), None)


def load_the_same_event_between_look_and_commit(machine: Machine) -> None:
    machine.open_the_shop([(FIRST, 0)])
    machine.race([(SECOND, 0)], [(Run(), None), (Load(()), None)], [AFTER_ITS_LOOK])


STORIES: list[tuple[Story, SwitchOff, str]] = [
    (rebuild_a_day_of_an_unfinished_batch, rebuild_from_all_of_bronze, "gold/product_sales"),
    (load_the_same_event_between_look_and_commit, rebuild_silver_without_a_word, "an event is there twice"),
    (let_kafka_delete_what_was_not_read, take_no_offset_for_lost, "_AUTO_OFFSET_RESET"),
    (read_a_partition_that_ends_in_a_marker, move_back_to_the_last_message, "no message came"),
]


def tell(machine: Machine, story: Story) -> None:
    try:
        story(machine)
    finally:
        machine.teardown()


@pytest.mark.parametrize("story", [story for story, _, _ in STORIES])
def test_with_its_guard_the_story_ends_well(story: Story) -> None:
    tell(Machine(), story)


@pytest.mark.parametrize(("story", "switch_off", "harm"), STORIES)
def test_without_its_guard_the_machine_notices(story: Story, switch_off: SwitchOff, harm: str) -> None:
    with pytest.raises(Exception, match=harm):
        tell(unguarded(switch_off)(), story)
