"""`salesinsights export`: data for other tools, as files.

Add here: something to export. Not here: how it is computed (`assets`).
"""

from datetime import datetime
from pathlib import Path

import click

from salesinsights_dagster.commands.errors import Failure
from salesinsights_dagster.settings import load_settings


@click.group()
def export() -> None:
    """Write data for other tools."""


@export.command()
@click.option("--as-of", "day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The last day (UTC) to include.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder to write to.")
def features(day: datetime, out: Path) -> None:
    """Write what each user had done until the end of a day as `user_features_DATE.parquet`, for training a model.

    Refreshes user_days, computes the features from it, and also keeps them in gold/user_features. A file of the same
    day is replaced.
    """
    from assets.tables import USER_DAYS
    from assets.visitors.daily_tables import refresh_days
    from assets.visitors.user_features import make_features
    from resources.lake import Lake

    lake, as_of = Lake(load_settings().lake), day.date()
    for _ in refresh_days(lake, USER_DAYS):
        pass
    rows = make_features(lake, as_of)
    if rows.is_empty():
        raise Failure(f"nobody was seen until {as_of}: load events into silver first (salesinsights ingest, backfill)")
    path = out / f"user_features_{as_of}.parquet"
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        out.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(unfinished)
        unfinished.replace(path)
    except OSError as error:
        raise Failure(f"{path} can't be written: {error.strerror}") from error
    click.echo(f"{path}: {rows.height:,} users, {rows.width} columns")
