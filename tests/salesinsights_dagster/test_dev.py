"""`salesinsights dev` keeps Dagster running: parts that die are replaced, and who can't be replaced is named."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from resources.beside import beside
from salesinsights_dagster.commands.dev import HEALTHY_SECONDS, PAUSES, keep_running
from salesinsights_dagster.dagster_process import LOCATION, DagsterProcess, DagsterStartError
from salesinsights_dagster.demo import free_port
from salesinsights_dagster.settings import load_settings


class Dagster:
    """A stand-in that ends by itself after so many seconds of the test's clock."""

    url, log, first_day = "http://127.0.0.1:3000", Path("dagster.log"), date(2019, 1, 1)

    def __init__(self, world: "World", lives: float) -> None:
        self._world, self._lives = world, lives

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
    assert "A part of Dagster ended by itself, see dagster.log: starting it again in 1 s" in capsys.readouterr().err


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


@pytest.mark.daemon
def test_a_code_location_that_was_killed_is_noticed(tmp_path: Path) -> None:
    settings = load_settings({"SALESINSIGHTS_HOME": str(tmp_path), "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    dagster = DagsterProcess.start(settings, free_port(0), os.environ)
    try:
        dagster.await_ready()
        children = psutil.Process(dagster.process.pid).children(recursive=True)
        locations = [child for child in children if LOCATION in child.cmdline()]
        noticed = beside(lambda: dagster.wait(0.5))
        with pytest.raises(TimeoutError):
            noticed.result(5)

        for location in locations:
            location.kill()

        noticed.result(60)
        assert locations
        assert dagster.process.poll() is None
    finally:
        dagster.stop()
