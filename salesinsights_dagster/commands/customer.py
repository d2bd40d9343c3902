"""`salesinsights customer`: what a customer is worth, or was thought to be worth.

Add here: options and output. Not here: how it is found (`assets.customers.customer_history`).
"""

import json
from datetime import datetime

import click

from salesinsights_dagster.commands.errors import Failure
from salesinsights_dagster.commands.past_day import DAY, past_day
from salesinsights_dagster.commands.refresh import HOW, tables_behind
from salesinsights_dagster.settings import load_settings


@click.command()
@click.argument("user_id", type=int)
@click.option("--as-of", "day", type=DAY, help="At the end of this day (UTC); without it, now.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; money is text.")
def customer(user_id: int, day: datetime | None, as_json: bool) -> None:
    """Show what USER_ID was worth, and what the models said they would be worth.

    An earlier day is computed from the purchases up to its end, as the lake holds them now, with models fitted only to
    them. What was thought then, before later corrections, is in customer_value_days.
    """
    from assets.customers.customer_history import worth_on
    from assets.tables import CUSTOMER_VALUE
    from resources.lake import Lake
    from salesinsights_dagster.topic import utc_now

    settings = load_settings()
    lake = Lake(settings.lake)
    until = past_day(day, utc_now()) if day else None
    worth = worth_on(lake, user_id, until, settings.clv, settings.segment_rules)
    if worth.row is None and worth.basis == "current" and tables_behind(lake, settings, [CUSTOMER_VALUE]):
        raise Failure(f"user {user_id} is not in customer_value, which does not show all purchases yet: {HOW}")
    if worth.row is None:
        since = f" until {worth.as_of}" if worth.as_of else ""
        raise Failure(f"user {user_id} has bought nothing{since}: salesinsights sql can look for them in silver_events")
    facts = {**worth.row, "as_of": worth.as_of, "basis": worth.basis}
    shown = {name: value for name, value in facts.items() if value is not None}
    if as_json:
        plain = {name: value if isinstance(value, int | float) else str(value) for name, value in shown.items()}
        click.echo(json.dumps(plain))
    else:
        width = max(map(len, shown))
        click.echo("\n".join(f"{name:<{width}}  {value}" for name, value in shown.items()))
