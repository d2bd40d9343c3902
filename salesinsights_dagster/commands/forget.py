"""`salesinsights forget`: everything about one user leaves the lake.

Add here: options and output. Not here: what is removed (`assets.upkeep.forget_user`).
"""

import json

import click

from salesinsights_dagster.settings import load_settings


@click.command()
@click.argument("user_id", type=int)
@click.option("--yes", is_flag=True, help="Do not ask. What is forgotten can't be restored.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def forget(user_id: int, yes: bool, as_json: bool) -> None:
    """Remove every row about USER_ID from bronze, silver, quarantine and gold, and from every older version on disk.

    Stop Dagster first. From now on, older events of the user are dropped wherever they come from; newer ones count.
    serving.duckdb is written again; a replica in PostgreSQL or Kafka follows when Dagster runs again.
    Not removed: messages in the topic of events, until its retention ends, and lines of files in the archive folder.
    """
    from assets.serving.duckdb_file import publish_serving
    from assets.upkeep.forget_user import forget as forget_user
    from resources.lake import Lake
    from salesinsights_dagster.topic import utc_now

    settings = load_settings()
    if not yes:
        click.confirm(f"Remove everything about user {user_id} from {settings.lake}?", abort=True, err=True)
    lake = Lake(settings.lake)
    done = forget_user(lake, user_id, utc_now(), settings.window_seconds)
    if settings.serving_file.exists():
        publish_serving(lake, settings.serving_file)
    facts = {"rows": done.rows, "days": [day.isoformat() for day in done.days]}
    click.echo(json.dumps(facts) if as_json else f"{done.rows:,} rows of {len(done.days)} days are gone")
