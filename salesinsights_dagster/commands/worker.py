"""`salesinsights worker`: carries out runs on this machine that Dagster hands over on another one.

Add here: options of the start. Not here: what a worker loads (`workers.app`), or how runs reach it (`workers`).
"""

import os
import sys
from uuid import uuid4

import click

from resources.foreseen_error import ForeseenError
from salesinsights_dagster.dagster_process import prepare_home, secrets_of
from salesinsights_dagster.settings import CHECKOUT, Settings, load_settings
from salesinsights_dagster.workers.celery_options import OTHER_QUEUE, STREAM_QUEUE

RUNS = {"all": f"{STREAM_QUEUE},{OTHER_QUEUE}", "stream": STREAM_QUEUE, "others": OTHER_QUEUE}


class NoBrokerError(ForeseenError):
    """No broker is set; the message names the setting."""


@click.command()
@click.option("--runs", type=click.Choice(list(RUNS)), default="all", show_default=True, help="Which runs it takes.")
@click.option("--places", type=click.IntRange(1, 64), default=2, show_default=True, help="How many runs at once.")
def worker(runs: str, places: int) -> None:
    """Carry out Dagster's runs on this machine, as one of several. Ctrl-C stops it when its runs have ended.

    It needs the settings of the machine with Dagster: SALESINSIGHTS_CELERY, SALESINSIGHTS_DAGSTER_DB,
    SALESINSIGHTS_LAKE, and Kafka's. If it dies, Dagster lets another worker go on with its runs.
    """
    settings = load_settings()
    if not settings.celery:
        raise NoBrokerError("no broker is set: set SALESINSIGHTS_CELERY to Redis's address, redis://HOST:6379/0")
    environment = {**os.environ, **_environment(settings)}
    os.chdir(CHECKOUT)
    os.execve(sys.executable, [sys.executable, "-m", "celery", *_arguments(runs, places)], environment)  # noqa: S606


def _environment(settings: Settings) -> dict[str, str]:
    home = prepare_home(settings)
    return {"DAGSTER_HOME": str(home), "SALESINSIGHTS_HOME": str(settings.home), **secrets_of(settings)}


def _arguments(runs: str, places: int) -> list[str]:
    app = ["-A", "salesinsights_dagster.workers.app", "worker", "-Q", RUNS[runs], "-c", str(places), "-l", "INFO"]
    # A name of its own at each start: a worker that was started again does not answer for its forerunner's runs.
    return [*app, "-n", f"salesinsights-{uuid4().hex[:8]}@%h", "--without-gossip", "--without-mingle"]
