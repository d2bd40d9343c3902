"""`salesinsights dev`: Dagster for this home, in the foreground; started again if it ends by itself.

Add here: options of the start, and what happens if a part dies. Not here: the processes (`dagster_process`).
"""

import os
import signal
import time
import types
from collections.abc import Callable
from typing import NoReturn

import click

from salesinsights_dagster.broker.ports import check_port
from salesinsights_dagster.commands.simulated_home import say_if_simulated
from salesinsights_dagster.dagster_process import DagsterProcess, DagsterStartError
from salesinsights_dagster.home import make_home
from salesinsights_dagster.settings import load_settings

PAUSES = (1, 5, 15, 60)
"""Seconds before each start after an early end; after the last one `dev` gives up."""

HEALTHY_SECONDS = 60.0
"""An end after this long is no early one: Dagster was up, and had begun to work."""


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of the web UI.")
def dev(port: int) -> None:
    """Run Dagster: the web UI on 127.0.0.1, the daemon with its sensors and schedules. Ctrl-C stops all of it.

    If a part of it dies, all of it is started again; after five early ends in a row this ends with exit code 2.
    """
    settings = load_settings()
    make_home(settings.home)
    check_port(port)
    say_if_simulated(settings)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        keep_running(lambda: DagsterProcess.start(settings, port, os.environ))
    except KeyboardInterrupt:
        click.echo("stopping", err=True)


def keep_running(
    start: Callable[[], DagsterProcess],
    elapsed: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> NoReturn:
    """Start Dagster, and again whenever it ends by itself. Stops it when something is raised, as by Ctrl-C.

    Raises DagsterStartError if it does not start, or has ended early more often than PAUSES allows.
    """
    early = 0
    while True:
        begun = elapsed()
        dagster = start()
        try:
            dagster.await_ready()
            click.echo(f"Dagster: {dagster.url} (log: {dagster.log}); days from {dagster.first_day} on")
            dagster.wait()
        finally:
            dagster.stop()
        early = 0 if elapsed() - begun >= HEALTHY_SECONDS else early + 1
        if early > len(PAUSES):
            raise DagsterStartError(f"Dagster has ended {early} times in a row: see {dagster.log}")
        pause = PAUSES[max(early - 1, 0)]
        click.echo(f"A part of Dagster ended by itself, see {dagster.log}: starting it again in {pause} s", err=True)
        sleep(pause)


def _interrupt(number: int, frame: types.FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
