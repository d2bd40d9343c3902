"""The machine finds nothing, in the same stories each time; `python -m benchmarks --only model` tells it new ones."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.calls import Fault
from tests.model.deeds import Forget, Rebuild, Run
from tests.model.known import OLD_DAYS, USERS, Said
from tests.model.machine import Machine
from tests.model.outside import SetTheClock

STORIES = settings(
    max_examples=25,
    stateful_step_count=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(1_200)
def test_no_story_harms_the_lake() -> None:
    run_state_machine_as_test(Machine, settings=STORIES)


def test_buyers_are_forgotten_one_after_the_other() -> None:
    """The first forgetting lists the other buyers in customer_value, where nothing may be left of them either."""
    machine = Machine()
    try:
        machine.open_the_shop([(Said(f"{OLD_DAYS[0]} 10:00:10 UTC", user=user), 0) for user in USERS])
        for deed in (Run(), Forget(USERS[0]), Forget(USERS[1])):
            machine.do([], deed, None)
    finally:
        machine.teardown()


@pytest.mark.parametrize("lost", ["silver/events", "silver/batches", "silver/quarantine"])
def test_a_power_cut_takes_a_batch_after_which_bronze_has_an_unfinished_one(lost: str) -> None:
    """A repair has to bring it to silver again: the stream finishes the last batch alone, and stood still."""
    first, second = ([(Said(f"{day} 10:00:10 UTC"), 0), (Said(day, wrong="not_json"), 1)] for day in OLD_DAYS)
    machine = Machine()
    try:
        machine.open_the_shop(first)
        machine.do([], Run(), None)
        machine.judge_wrongly(second)
        machine.cut_the_power({lost}, None)
    finally:
        machine.teardown()


def test_after_a_repair_a_day_is_rebuilt_before_the_stream_runs() -> None:
    """Silver had lost its last batch, and later tables went back to the batch before it."""
    machine = Machine()
    try:
        machine.open_the_shop([(Said(f"{OLD_DAYS[0]} 10:00:10 UTC"), 0)])
        machine.do([], Run(), None)
        machine.cut_the_power({"silver/events"}, None)
        machine.do([], Rebuild((date.fromisoformat(OLD_DAYS[0]),)), None)
    finally:
        machine.teardown()


def test_a_buyer_buys_once_more_on_an_old_day_while_the_clock_has_gone_back() -> None:
    """Their row of the day has other sums, and neither the number of its rows nor the newest time says so."""
    bought, more = (Said(f"{OLD_DAYS[0]} 10:00:{second} UTC", user=USERS[0]) for second in (10, 50))
    machine = Machine()
    try:
        machine.open_the_shop([(bought, 0), (replace(bought, user=USERS[1]), 0)])
        machine.do([], Run(), None)
        # Computes the values of the others too.
        machine.do([], Forget(USERS[1]), None)
        machine.happen([], SetTheClock(-90))
        machine.do([(more, 0)], Run(), None)
    finally:
        machine.teardown()


def test_a_day_without_a_row_is_rebuilt_and_killed_before_its_first_sale_comes() -> None:
    """Nothing is stale then. The mark was found once the sale was there, in gold too, and the day computed again."""
    day = OLD_DAYS[0]
    machine = Machine()
    try:
        machine.open_the_shop([])
        machine.do([(Said(f"{day} 10:00:10 UTC"), 0)], Rebuild((date.fromisoformat(day),)), Fault("crash_before", 12))
    finally:
        machine.teardown()
