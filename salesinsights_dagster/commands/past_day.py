"""A day of the past, as an option of commands: `--as-of 2019-12-31`.

Add here: what commands check of such a day. Not here: what they say of it.
"""

from datetime import date, datetime

import click

from salesinsights_dagster.commands.errors import Failure

DAY = click.DateTime(["%Y-%m-%d"])


def past_day(day: datetime, now: datetime) -> date:
    """The UTC day that was asked for. Says so if it is not over; Failure if it has not begun."""
    today = now.date()
    if day.date() > today:
        raise Failure(f"--as-of {day.date()} is a day to come: today is {today} (UTC)")
    if day.date() == today:
        click.echo(f"{today} (UTC) is not over: what follows today is missing", err=True)
    return day.date()
