"""The command `salesinsights`.

Add here: a command's name. Not here: what it does (`commands`, and the package of each part).
"""

import importlib
from typing import Any

import click

from salesinsights_dagster.commands.errors import exit_with_remedy

COMMANDS = {
    "accept-loss": "salesinsights_dagster.commands.accept_loss:accept_loss",
    "audit": "salesinsights_dagster.commands.audit:audit",
    "backfill": "salesinsights_dagster.commands.backfill:backfill",
    "catalog": "salesinsights_dagster.commands.catalog:catalog",
    "customer": "salesinsights_dagster.commands.customer:customer",
    "dashboard": "salesinsights_dagster.commands.dashboard:dashboard",
    "demo": "salesinsights_dagster.commands.demo:demo",
    "dev": "salesinsights_dagster.commands.dev:dev",
    "export": "salesinsights_dagster.commands.export:export",
    "forget": "salesinsights_dagster.commands.forget:forget",
    "ingest": "salesinsights_dagster.commands.ingest:ingest",
    "kafka": "salesinsights_dagster.broker.commands:kafka",
    "produce": "salesinsights_dagster.commands.produce:produce",
    "quarantine": "salesinsights_dagster.commands.quarantine:quarantine",
    "refresh": "salesinsights_dagster.commands.refresh:refresh",
    "repair": "salesinsights_dagster.commands.repair:repair",
    "replay": "salesinsights_dagster.simulator.replayer:replay_command",
    "simulate": "salesinsights_dagster.simulator.commands:simulate",
    "snapshot": "salesinsights_dagster.commands.snapshot:snapshot",
    "sql": "salesinsights_dagster.commands.sql:sql",
    "user": "salesinsights_dagster.commands.user:user",
    "worker": "salesinsights_dagster.commands.worker:worker",
}
"""Each command and where it is; a module is loaded only when its command is used."""


class LazyGroup(click.Group):
    """Loads a command when it is named, and turns its expected errors into one line with the remedy."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        with exit_with_remedy():
            return super().invoke(ctx)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="salesinsights")
def main() -> None:
    """Sales per product seconds after the payment, customer lifetime value, and every event kept.

    \b
    A first look:
      salesinsights kafka start       a local Kafka
      salesinsights simulate          a simulated shop that sends events to it
      salesinsights ingest            the backlog from Kafka to gold, without Dagster
      salesinsights sql "SELECT * FROM product_sales_daily ORDER BY revenue DESC LIMIT 20"
      salesinsights dev               Dagster: the web UI, the sensor that polls Kafka, the schedules

    Settings come from the environment: SALESINSIGHTS_HOME (where everything is kept), KAFKA_BOOTSTRAP_SERVERS (a
    cluster of your own), and others: see docs/settings.md.
    """
