"""`salesinsights demo`: the whole system with a simulated shop.

Add here: options, and what is printed. Not here: the parts (`demo`).
"""

import threading
import time
from datetime import datetime

import click

from salesinsights_dagster.home import make_home
from salesinsights_dagster.settings import load_settings
from salesinsights_dagster.simulator.stopping import stop_on_signals

LOOK_SECONDS = 15


@click.command()
@click.option("--for", "seconds", type=click.IntRange(min=1), help="Stop after this many seconds.")
@click.option("--rate", type=click.IntRange(min=1), default=100, show_default=True, help="Events per second.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of the web UI.")
@click.pass_context
def demo(ctx: click.Context, seconds: int | None, rate: int, port: int) -> None:
    """Run everything on this machine: a Kafka broker, a simulated shop, Dagster, the dashboard. Ctrl-C stops all.

    Exit code 0 only if sales of the shop reached gold.
    """
    from resources.lake import Lake
    from salesinsights_dagster.demo import free_port, landed, running_system
    from salesinsights_dagster.topic import utc_now

    settings, begun = load_settings(), utc_now()
    make_home(settings.home)
    lake = Lake(settings.lake)
    with stop_on_signals() as stop, running_system(settings, free_port(port), rate, click.echo) as running:
        click.echo(f"A shop with {rate} events a second; Ctrl-C stops")
        deadline = time.monotonic() + seconds if seconds else None
        while not _wait(stop, deadline) and running.shop.poll() is None:
            click.echo(_line(utc_now(), landed(lake, begun)))
        if running.shop.poll() is not None:
            click.echo(f"the simulated shop ended by itself: see {settings.home / 'simulate.log'}", err=True)
    facts = landed(lake, begun)
    click.echo(_line(utc_now(), facts))
    reached = facts["updated_at"] is not None
    click.echo("sales reached gold" if reached else f"no sales reached gold: see {settings.dagster_home}/dagster.log")
    ctx.exit(0 if reached else 1)


def _wait(stop: threading.Event, deadline: float | None) -> bool:
    """Wait for the next look; return whether the demo is over."""
    left = LOOK_SECONDS if deadline is None else min(LOOK_SECONDS, deadline - time.monotonic())
    return stop.wait(max(left, 0)) or (deadline is not None and time.monotonic() >= deadline)


def _line(now: datetime, facts: dict[str, object]) -> str:
    return (
        f"{now:%H:%M:%S}  {facts['batches']} batches, {facts['messages']:,} events, "
        f"{facts['quarantined']} quarantined, {facts['duplicates']:,} duplicates; "
        f"gold: {facts['units']:,} units of {facts['products']:,} products, revenue {facts['revenue']:,}"
    )
