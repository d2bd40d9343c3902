"""`salesinsights demo`: the whole system with a simulated shop.

Add here: options, and what is printed. Not here: the parts (`demo`).
"""

import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import click

from salesinsights_dagster.commands.simulated_home import let_demo_in
from salesinsights_dagster.home import make_home
from salesinsights_dagster.settings import Settings, load_settings
from salesinsights_dagster.simulator.stopping import stop_on_signals

LOOK_SECONDS = 15

_BEFORE = """\
Everything is kept in {home}: about 70 MB to begin with, and {hour:,} MB more an hour.
The start takes about a minute; the first sales are in gold half a minute later."""

_AFTER = """
The data lies in {home} ({size:,} MB){lake}. What next?
  salesinsights sql "SELECT * FROM product_sales_daily ORDER BY revenue DESC LIMIT 20"
  salesinsights demo        goes on where this one has stopped
  rm -r {home}
                            removes it
For your own data take a home of its own (export SALESINSIGHTS_HOME=FOLDER), and go on with "Step by step" in README.md.
The commands lie in {commands}."""

_BYTES_AN_EVENT = 330
"""On the disk, in Kafka and in the lake together."""


@click.command()
@click.option("--for", "seconds", type=click.IntRange(min=1), help="Stop after this many seconds.")
@click.option("--rate", type=click.IntRange(min=1), default=100, show_default=True, help="Events per second.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of the web UI.")
@click.option("--mix", is_flag=True, help="Sell also in a home whose lake has events of your own.")
@click.pass_context
def demo(ctx: click.Context, seconds: int | None, rate: int, port: int, mix: bool) -> None:
    """Run everything on this machine: a Kafka broker, a simulated shop, Dagster, the dashboard. Ctrl-C stops all.

    If the port is taken, a free one is used. Exit code 0 only if sales of the shop reached gold.
    """
    from resources.lake import Lake
    from salesinsights_dagster.demo import free_port, landed, running_system
    from salesinsights_dagster.topic import utc_now

    settings, begun = load_settings(), utc_now()
    make_home(settings.home)
    lake = Lake(settings.lake)
    let_demo_in(settings, lake, begun, mix=mix)
    click.echo(_BEFORE.format(home=settings.home, hour=round(rate * 3600 * _BYTES_AN_EVENT / 1e6)))
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
    click.echo(_after(settings))
    ctx.exit(0 if reached else 1)


def _wait(stop: threading.Event, deadline: float | None) -> bool:
    """Wait for the next look; return whether the demo is over."""
    left = LOOK_SECONDS if deadline is None else min(LOOK_SECONDS, deadline - time.monotonic())
    return stop.wait(max(left, 0)) or (deadline is not None and time.monotonic() >= deadline)


def _after(settings: Settings) -> str:
    files = (path for path in settings.home.rglob("*") if path.is_file())
    size = round(sum(path.stat().st_size for path in files) / 1e6)
    lake = "" if Path(settings.lake).is_relative_to(settings.home) else f", the lake at {settings.lake}"
    return _AFTER.format(home=settings.home, size=size, lake=lake, commands=Path(sys.executable).parent)


def _line(now: datetime, facts: dict[str, object]) -> str:
    return (
        f"{now:%H:%M:%S}  {facts['batches']} batches, {facts['messages']:,} events, "
        f"{facts['quarantined']} quarantined, {facts['duplicates']:,} duplicates; "
        f"gold: {facts['units']:,} units of {facts['products']:,} products, revenue {facts['revenue']:,}"
    )
