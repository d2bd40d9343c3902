"""`salesinsights forget`: everything about one user leaves the lake.

Add here: options, and the order of things. Not here: what is removed (`assets.upkeep.forget_user`), or what is answered
(`forget_report`).
"""

import json

import click

from salesinsights_dagster.commands.errors import Failure
from salesinsights_dagster.commands.forget_report import Answer, copies_of, kept, searched, updated
from salesinsights_dagster.settings import load_settings


@click.command()
@click.argument("user_id", type=click.IntRange(-(2**63), 2**63 - 1))
@click.option("--yes", is_flag=True, help="Do not ask. What is forgotten can't be restored.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def forget(user_id: int, yes: bool, as_json: bool) -> None:
    """Remove every row about USER_ID from every table, from every older version on disk, and from the copies of gold.

    Dagster and every other command may go on meanwhile. From now on, older events of the user are dropped wherever they
    come from; newer ones count.
    serving.duckdb and PostgreSQL are updated. Then everything is searched again; exit code 2 if something is left.
    The answer says what was found where, and what is kept (messages in Kafka, files, backups) and how to remove that.
    """
    from assets.upkeep.forget_user import forget as forget_user
    from resources.lake import Lake
    from salesinsights_dagster.topic import utc_now

    settings = load_settings()
    if not yes:
        click.confirm(f"Remove everything about user {user_id} from {settings.lake}?", abort=True, err=True)
    lake, now = Lake(settings.lake), utc_now()
    copies = copies_of(lake, settings, now)
    held = searched(copies, user_id)
    done = forget_user(lake, user_id, now, settings.window_seconds)
    updated(copies)
    left = {**({"the lake": done.left} if done.left else {}), **searched(copies, user_id)}
    days = [day.isoformat() for day in done.days]
    remaining = list(kept(settings, done, user_id, now))
    answer = Answer(done.rows, days, done.found, held, remaining, done.undecided, left)
    for line in [json.dumps(answer.facts())] if as_json else answer.lines():
        click.echo(line)
    if left:
        raise Failure(f"rows about user {user_id} are left: {json.dumps(left)}. Stop what writes, and run this again")
