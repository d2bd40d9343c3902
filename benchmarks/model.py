"""Random stories of a shop's lake, told until the time is up: what people do, what fails, and who comes in between.

Add here: how long stories are told, and what is counted. Not here: the stories (`tests.model`).
"""

import time
from collections.abc import Iterator, Mapping, Sequence

import click
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Machine
from tests.model.without import SWITCHES, stories, stories_until_found

AT_ONCE = 20
"""Stories that are drawn in one go."""

MOST = 200
"""Stories without a guard after which it counts as not found."""


def run(minutes: int) -> Sequence[Mapping[str, object]]:
    """Tell stories for so many minutes. Raises what a story finds, with the shortest story that does."""
    told, begun = 0, time.monotonic()

    class Counted(Machine):
        def __init__(self) -> None:
            nonlocal told
            told += 1
            super().__init__()

    while not told or time.monotonic() - begun < minutes * 60:
        run_state_machine_as_test(Counted, settings=stories(AT_ONCE))
    return [{"stories": told, "CPU s a story": round(time.process_time() / told, 1), "that harm the lake": 0}]


def run_without_guards() -> Sequence[Mapping[str, object]]:
    """How many stories it takes to find that a guard is switched off, guard by guard."""
    return list(_without_each())


def _without_each() -> Iterator[Mapping[str, object]]:
    for name, switch_off in SWITCHES.items():
        told, found = stories_until_found(switch_off, MOST)
        click.echo(f"{name}: {told} stories; {found or 'not found'}", err=True)
        yield {"switched off": name.replace("_", " "), "found after stories": told if found else "not", "by": found}
