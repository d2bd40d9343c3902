"""How many stories the machine needs to find that a guard is switched off.

Add here: a guard that `tests.faults.test_guards` does not switch off. Not here: what the machine does (`machine`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from resources import kafka_reader
from tests.faults.test_guards import GUARDS, World
from tests.model.machine import Machine

SwitchOff = Callable[[World], None]


def move_back_to_the_last_message(world: World) -> None:
    """Take a message for the last of its partition even if its end is known to be past a marker."""

    def move(reading: Any, partition: int, offset: int) -> None:
        reading._reached[partition] = min(offset, reading._end[partition])

    world.patch.setattr(kafka_reader._Reading, "_move", move)


SWITCHES: Mapping[str, SwitchOff] = {
    **{switch_off.__name__: switch_off for _, switch_off, _ in GUARDS},
    move_back_to_the_last_message.__name__: move_back_to_the_last_message,
}


def unguarded(switch_off: SwitchOff, begun: Callable[[], object] = lambda: None) -> type[Machine]:
    """The machine without this guard; `begun` is called at the beginning of each story."""

    class Unguarded(Machine):
        def __init__(self) -> None:
            begun()
            super().__init__()
            patch = self._world.enter_context(pytest.MonkeyPatch.context())
            switch_off(World(self.shop.lake, None, None, patch))  # type: ignore[arg-type]

    return Unguarded


def stories_until_found(switch_off: SwitchOff, most: int) -> tuple[int, str]:
    """The number of stories until one fails without the guard, and how; `most` and no text if none does."""
    told = list[None]()
    try:
        machine = unguarded(switch_off, lambda: told.append(None))
        run_state_machine_as_test(machine, settings=stories(most, [Phase.generate]))
    except Exception as error:  # noqa: BLE001  # whatever stops a story has found it
        # It was told once more, to be shown.
        return len(told) - 1, _named(error)
    return len(told), ""


def _named(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}".splitlines()[0]


def stories(number: int, phases: Sequence[Phase] = tuple(Phase), steps: int = 10) -> settings:
    """So many stories, new ones each time."""
    return settings(
        max_examples=number,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=phases,
    )
