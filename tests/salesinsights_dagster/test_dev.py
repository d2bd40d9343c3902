"""`salesinsights dev` keeps Dagster running: parts that die are replaced, and who can't be replaced is named."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from salesinsights_dagster.commands.dev import HEALTHY_SECONDS, PAUSES, keep_running
from salesinsights_dagster.dagster_process import DagsterStartError


class Dagster:
    """A stand-in that ends by itself after so many seconds of the test's clock."""

    url, log, first_day = "http://127.0.0.1:3000", Path("dagster.log"), date(2019, 1, 1)

    def __init__(self, world: "World", lives: float) -> None:
        self.process, self._world, self._lives = self, world, lives

    def await_ready(self) -> None: ...

    def wait(self) -> None:
        self._world.seconds += self._lives

    def stop(self) -> None:
        self._world.stopped += 1


class World:
    def __init__(self, *lives: float) -> None:
        self.seconds, self.stopped, self.pauses = 0.0, 0, list[float]()
        self._lives: Iterator[float] = iter(lives)

    def start(self) -> Dagster:
        lives = next(self._lives, None)
        if lives is None:
            raise KeyboardInterrupt
        return Dagster(self, lives)

    def keep(self) -> None:
        keep_running(self.start, lambda: self.seconds, self.pauses.append)  # type: ignore[arg-type]


def test_dagster_is_started_again_after_a_pause(capsys: pytest.CaptureFixture[str]) -> None:
    world = World(5, 5)

    with pytest.raises(KeyboardInterrupt):
        world.keep()

    assert (world.pauses, world.stopped) == ([PAUSES[0], PAUSES[1]], 2)
    assert "Dagster ended by itself, see dagster.log: starting it again in 1 s" in capsys.readouterr().err


def test_a_long_life_ends_the_row_of_early_ends() -> None:
    world = World(5, 5, HEALTHY_SECONDS, 5)

    with pytest.raises(KeyboardInterrupt):
        world.keep()

    assert world.pauses == [PAUSES[0], PAUSES[1], PAUSES[0], PAUSES[0]]


def test_what_keeps_ending_is_given_up_with_the_log() -> None:
    world = World(*[1.0] * 9)

    with pytest.raises(DagsterStartError, match=r"ended 5 times in a row: see dagster\.log"):
        world.keep()

    assert world.stopped == 5
