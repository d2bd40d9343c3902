"""The command line of the local broker: `salesinsights kafka ...`.

Add here: a subcommand, its options and what it prints.
Not here: what it does (`local_broker`).
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from confluent_kafka import KafkaException
from rich.console import Console

from salesinsights_dagster.broker import admin
from salesinsights_dagster.broker.local_broker import DEFAULT_PORT, BrokerStatus, LocalBroker
from salesinsights_dagster.home import make_home
from salesinsights_dagster.settings import Settings, load_settings

NOT_RUNNING = 3
REACH_SECONDS = 5


@click.group()
def kafka() -> None:
    """A local Apache Kafka of one node, for machines without a cluster.

    If KAFKA_BOOTSTRAP_SERVERS names a cluster, that cluster is used, and nothing is started, stopped or wiped.
    """


@kafka.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True, help="Port to listen on."
)
@click.option("--wait", type=click.FloatRange(min=1), default=60, show_default=True, help="Seconds to wait at most.")
def start(port: int, wait: float) -> None:
    """Start the broker unless it runs. If the port is taken, use a free one."""
    settings = load_settings()
    if _names_cluster(settings, "started"):
        return
    make_home(settings.home)
    with _progress() as progress:
        status = LocalBroker(settings.broker_home).start(port, wait, progress)
    click.echo(f"Kafka runs on {status.bootstrap_servers} (process {status.pid})")


@kafka.command()
def stop() -> None:
    """Stop the broker; its data stays."""
    settings = load_settings()
    if _names_cluster(settings, "stopped"):
        return
    click.echo("Kafka is stopped" if LocalBroker(settings.broker_home).stop() else "Kafka did not run")


@kafka.command()
@click.option("--json", "as_json", is_flag=True, help="Print running, bootstrap_servers, pid and home as JSON.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show whether Kafka runs, and where. Exit code 0 if it runs, 3 if not."""
    settings = load_settings()
    found = _named_status(settings) or LocalBroker(settings.broker_home).status()
    if as_json:
        click.echo(json.dumps(found.as_dict()))
    else:
        click.echo(_sentence(found))
    ctx.exit(0 if found.running else NOT_RUNNING)


@kafka.command()
@click.confirmation_option(prompt="Remove every topic and message of the local broker?")
def wipe() -> None:
    """Stop the broker and remove its data and logs; the downloaded jars stay."""
    settings = load_settings()
    if _names_cluster(settings, "wiped"):
        return
    LocalBroker(settings.broker_home).wipe()
    click.echo(f"The local broker's data is removed from {settings.broker_home}")


def _names_cluster(settings: Settings, done: str) -> bool:
    if settings.kafka is None:
        return False
    click.echo(f"KAFKA_BOOTSTRAP_SERVERS names {settings.kafka.bootstrap_servers}: it is used, and nothing is {done}")
    return True


def _named_status(settings: Settings) -> BrokerStatus | None:
    """The state of the cluster that the environment names; `running` means that it answers."""
    if settings.kafka is None:
        return None
    servers = settings.kafka.bootstrap_servers
    try:
        running = admin.ask_cluster_id(settings.kafka, REACH_SECONDS) is not None
    except KafkaException as error:
        click.echo(f"{servers} does not answer: {error.args[0].str()}", err=True)
        running = False
    return BrokerStatus(running, servers, None, settings.broker_home)


def _sentence(found: BrokerStatus) -> str:
    if found.running:
        return f"Kafka runs on {found.bootstrap_servers}" + (f" (process {found.pid})" if found.pid else "")
    return "Kafka does not run" + (f" on {found.bootstrap_servers}" if found.bootstrap_servers else "")


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show each step on stderr: a spinner on a terminal, a line in a log."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda step: click.echo(f"{step} ...", err=True)
        return
    with console.status("Looking for Java") as shown:
        yield shown.update
