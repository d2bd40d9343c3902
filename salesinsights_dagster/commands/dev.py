"""`salesinsights dev`: Dagster for this home, in the foreground.

Add here: options of the start. Not here: the processes (`dagster_process`).
"""

import os
import signal
import types
from typing import NoReturn

import click

from salesinsights_dagster.dagster_process import DagsterProcess
from salesinsights_dagster.settings import load_settings


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of the web UI.")
def dev(port: int) -> None:
    """Run Dagster: the web UI on 127.0.0.1, the daemon with its sensors and schedules. Ctrl-C stops all of it."""
    settings = load_settings()
    dagster = DagsterProcess.start(settings, port, os.environ)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        dagster.await_ready()
        click.echo(f"Dagster: {dagster.url} (log: {dagster.log}); days from {dagster.first_day} on")
        dagster.process.wait()
    except KeyboardInterrupt:
        click.echo("stopping", err=True)
    finally:
        dagster.stop()


def _interrupt(number: int, frame: types.FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
