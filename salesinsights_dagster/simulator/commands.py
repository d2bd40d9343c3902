"""The command `simulate`: the shop live into Kafka, or one month into a file.

Add here: options, what is shown while it runs, exit codes.
Not here: the shop (`shop`), pacing (`live`), delivery (`publisher`), the file (`month_file`).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

import click
from click.core import ParameterSource
from confluent_kafka import KafkaException, Producer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from assets.tables.topics import events_topic
from resources.foreseen_error import ForeseenError
from resources.kafka_topics import ensure_topic
from salesinsights_dagster.settings import load_settings
from salesinsights_dagster.simulator.calibration import OPENED
from salesinsights_dagster.simulator.live import run_live
from salesinsights_dagster.simulator.month_file import month_file_name, write_month
from salesinsights_dagster.simulator.publisher import Publisher, open_producer
from salesinsights_dagster.simulator.shop import Shop
from salesinsights_dagster.simulator.stopping import stop_on_signals

LIVE_ONLY = {"rate": "--rate", "seconds": "--for", "log": "--log"}
MONTH_ONLY = {"events": "--events", "out": "--out"}


class NoShopError(ForeseenError):
    """The live shop can't open."""


@click.command()
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True, max=20_000),
    default=100,
    show_default=True,
    metavar="N",
    help="Live: events a second, on average.",
)
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Live: stop after this time.  [default: until Ctrl-C]",
)
@click.option(
    "--log",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Live: append a line per event that Kafka has acknowledged: "
    "partition, offset, timestamp (ms) and value, separated by tabs.",
)
@click.option("--month", type=click.DateTime(["%Y-%m"]), metavar="YYYY-MM", help="Write this month into a file.")
@click.option("--events", type=click.IntRange(min=1), metavar="N", help="Month: the number of events.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Month: the folder for the file."
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="S",
    help="A different number gives a different shop: products, people and events.",
)
@click.pass_context
def simulate(
    context: click.Context,
    rate: float,
    seconds: float | None,
    log: Path | None,
    month: datetime | None,
    events: int | None,
    out: Path | None,
    seed: int,
) -> None:
    """Simulate the web shop: live traffic into Kafka, or a month of it in a file.

    Without --month, events (views, carts, removals, purchases) happen now, until Ctrl-C or the end of --for. The
    exit code is 1 if Kafka did not acknowledge every event. With --month, a CSV file such as 2019-Nov.csv is written,
    in the format of the public cosmetics shop data set. The same seed, month and number of events give the same file.

    \b
    salesinsights simulate --rate 200
    salesinsights simulate --month 2019-11 --events 4000000 --out archive
    """
    _refuse_conflicts(context, month)
    if month and events and out:
        _month(Shop(seed), month, events, out)
    else:
        _live(Shop(seed), rate, seconds, log)


def _refuse_conflicts(context: click.Context, month: datetime | None) -> None:
    given = [name for name in context.params if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
    misplaced = [option for name, option in (LIVE_ONLY if month else MONTH_ONLY).items() if name in given]
    if misplaced and month:
        raise click.UsageError(f"{', '.join(misplaced)} is for live traffic: leave it out, or leave out --month")
    if misplaced:
        raise click.UsageError(f"{', '.join(misplaced)} is for a month: add --month YYYY-MM, or leave it out")
    if not month:
        return
    if missing := [option for name, option in MONTH_ONLY.items() if name not in given]:
        raise click.UsageError(f"--month needs {' and '.join(missing)} too")
    if month.year < OPENED:
        raise click.BadParameter(f"the shop opened in {OPENED}: choose a month from then on", param_hint="--month")


def _month(shop: Shop, month: datetime, events: int, out: Path) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(month_file_name(month.year, month.month), total=events)
        show = partial(bar.update, task)
        path = write_month(shop, month.year, month.month, events, out, lambda rows: show(completed=rows))
    click.echo(f"{events:,} events in {path}")


def _live(shop: Shop, rate: float, seconds: float | None, log: Path | None) -> None:
    producer, topic = _connect()
    began = time.monotonic()
    with stop_on_signals() as stop, ExitStack() as files:
        sink = files.enter_context(_append_to(log)) if log else None
        publisher = Publisher(producer, topic, stop, sink)
        with _status_line(publisher, topic) as report:
            run_live(shop, publisher, lambda: datetime.now(UTC), rate, stop, seconds=seconds, report=report)
            publisher.close()
    _summarize(publisher, topic, time.monotonic() - began)


def _connect() -> tuple[Producer, str]:
    """A producer for the Kafka of these settings, and the topic."""
    from salesinsights_dagster.broker import find_kafka  # a month needs no broker

    settings = load_settings()
    connection = find_kafka(settings)
    try:
        ensure_topic(connection, events_topic(settings.topic))
        return open_producer(connection), settings.topic
    except KafkaException as error:
        raise NoShopError(f"{error.args[0].str()}: check the KAFKA_ variables") from error


def _append_to(log: Path) -> BinaryIO:
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("ab")


@contextmanager
def _status_line(publisher: Publisher, topic: str) -> Iterator[Callable[[int], None]]:
    """Show what has been sent so far, once a second, on a terminal's standard error."""
    console = Console(stderr=True)
    shown_at = time.monotonic()
    with console.status(f"Simulating the shop into {topic}; Ctrl-C stops", refresh_per_second=2) as status:

        def report(events: int) -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at >= 1:
                shown_at = time.monotonic()
                failed = f", {publisher.failed:,} failed" if publisher.failed else ""
                status.update(f"{events:,} events into {topic}, {publisher.acknowledged:,} acknowledged{failed}")

        yield report


def _summarize(publisher: Publisher, topic: str, seconds: float) -> None:
    """Print one line. Raises ClickException (exit code 1) if an event was not acknowledged."""
    counts = f"{publisher.acknowledged:,} events acknowledged in {seconds:,.0f} s"
    if publisher.unsent:
        counts += f", {publisher.unsent:,} not sent"
    click.echo(counts)
    if publisher.failed or publisher.unanswered:
        raise click.ClickException(
            f"{publisher.failed:,} events failed and {publisher.unanswered:,} went unanswered "
            f"({publisher.first_error or 'Kafka did not answer'}): check that the broker runs and has the topic {topic}"
        )
