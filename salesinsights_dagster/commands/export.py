"""`salesinsights export`: data for other tools, as files.

Add here: something to export. Not here: how it is computed (`assets`).
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from salesinsights_dagster.commands.errors import Failure
from salesinsights_dagster.commands.past_day import DAY, past_day
from salesinsights_dagster.commands.refresh import HOW, tables_behind
from salesinsights_dagster.settings import load_settings

if TYPE_CHECKING:
    import polars as pl

    from resources.lake import Lake

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def export() -> None:
    """Write data for other tools."""


@export.command()
@click.option(
    "--for",
    "database",
    type=click.Choice(["duckdb", "postgres"]),
    default="duckdb",
    show_default=True,
    help="Where the tool finds the tables: serving.duckdb, or PostgreSQL.",
)
@click.option("--out", type=FOLDER, required=True, help="The folder to write to.")
def measures(database: str, out: Path) -> None:
    """Write what is measured as `salesinsights.yml`, a data model in Cube's format, for BI tools.

    It names tables, dimensions, measures and joins, with their descriptions. Cube and sidemantic read it.
    """
    import yaml  # type: ignore[import-untyped]

    from assets.serving.postgres_replica import SCHEMA
    from assets.serving.semantic_layer import cube_model

    model = cube_model(SCHEMA if database == "postgres" else None)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "salesinsights.yml"
    path.write_text(yaml.safe_dump(model, sort_keys=False, width=120, allow_unicode=True))
    click.echo(f"{path}: {sum(len(cube['measures']) for cube in model['cubes'])} measures")


@export.command()
@click.option("--as-of", "day", type=DAY, help="The last day (UTC) to include.")
@click.option("--at", "moments", type=FILE, help="A CSV or Parquet file with the columns user_id and at (UTC).")
@click.option("--label-days", type=click.IntRange(1, 3_650), help="Also write what users did in so many days after.")
@click.option("--out", type=FOLDER, required=True, help="The folder to write to.")
def features(day: datetime | None, moments: Path | None, label_days: int | None, out: Path) -> None:
    """Write training data: what each user had done, and with --label-days what they did afterwards.

    With --as-of DATE: `user_features_DATE.parquet`, a row per user seen until the end of the day, also kept in
    gold/user_features; and `user_labels_DATE_Nd.parquet`, the N days after it.

    With --at FILE.csv: `FILE_features.parquet`, a row per row of the file, with what the user had done by the end of
    the day before `at`; and `FILE_labels_Nd.parquet`, the N days after the day of `at`.

    Refreshes user_days and sessions first. Features and labels are never in one file. Files of earlier calls are
    replaced.
    """
    from resources.lake import Lake

    if (day is None) == (moments is None):
        raise Failure("say either --as-of or --at")
    lake = Lake(load_settings().lake)
    if moments is not None:
        _at_moments(lake, moments, label_days, out)
    elif day is not None:
        _as_of(lake, day, label_days, out)


def _as_of(lake: "Lake", moment: datetime, label_days: int | None, out: Path) -> None:
    from assets.tables import USER_DAYS
    from assets.visitors.user_features import make_features, refresh_sources
    from assets.visitors.user_labels import labels_after
    from salesinsights_dagster.topic import utc_now

    as_of = past_day(moment, utc_now())
    refresh_sources(lake)
    # First, since they may be refused: then nothing is written.
    labels = labels_after(lake.table(USER_DAYS), as_of, label_days, utc_now()) if label_days else None
    rows = make_features(lake, as_of)
    if rows.is_empty():
        raise Failure(f"nobody was seen until {as_of}: load events into silver first (salesinsights ingest, backfill)")
    _write(rows, out / f"user_features_{as_of}.parquet", _of_training())
    if labels is not None:
        _write(labels, out / f"user_labels_{as_of}_{label_days}d.parquet", _of_training())


def _at_moments(lake: "Lake", file: Path, label_days: int | None, out: Path) -> None:
    from assets.tables import SESSIONS, USER_DAYS
    from assets.visitors.moments import features_at, labels_at, read_moments
    from assets.visitors.user_features import refresh_sources
    from salesinsights_dagster.topic import utc_now

    wanted = read_moments(file)
    refresh_sources(lake)
    days = lake.table(USER_DAYS)
    labels = labels_at(days, wanted, label_days, utc_now()) if label_days else None
    _write(features_at(days, lake.table(SESSIONS), wanted), out / f"{file.stem}_features.parquet", _of_training())
    if labels is not None:
        _write(labels, out / f"{file.stem}_labels_{label_days}d.parquet", _of_training())


@export.command()
@click.argument("name")
@click.option("--out", type=FOLDER, required=True, help="The folder to write to.")
def audience(name: str, out: Path) -> None:
    """Write who is in the audience NAME now as `audience_NAME.csv` and `audience_NAME.parquet`.

    `audiences.toml` in the home says which audiences there are. The members are found in customer_value,
    abandoned_carts and the purchases as they are: `salesinsights refresh` brings them up to date.
    """
    from assets.customers.audiences import members_of
    from assets.tables import ABANDONED_CARTS, CUSTOMER_VALUE
    from resources.lake import Lake

    settings = load_settings()
    known = settings.audiences.read()
    if name not in known:
        listed = ", ".join(known) or "none"
        raise Failure(f"there is no audience {name}: {settings.audiences.path} has {listed} (docs/audiences.md)")
    lake = Lake(settings.lake)
    for layout in tables_behind(lake, settings, [CUSTOMER_VALUE, ABANDONED_CARTS]):
        click.echo(f"{layout.name} is not up to date: {HOW}", err=True)
    members = members_of(lake, known[name])
    descriptions = {column: CUSTOMER_VALUE.describe(column) for column in members.columns}
    _write(members, out / f"audience_{name}.parquet", {**descriptions, "cart_value": "what lies in abandoned carts"})
    _write(members, out / f"audience_{name}.csv", {})


def _write(rows: "pl.DataFrame", path: Path, descriptions: Mapping[str, str]) -> None:
    from resources.described_parquet import write_described
    from resources.whole_files import write_whole
    from salesinsights_dagster.dashboard.csv_export import as_csv

    _write_down(path, rows.height)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".csv":
            write_whole(path, as_csv(rows))
        else:
            write_described(rows, path, descriptions)
    except OSError as error:
        raise Failure(f"{path} can't be written: {error.strerror}") from error
    click.echo(f"{path}: {rows.height:,} rows, {rows.width} columns")


def _write_down(path: Path, rows: int) -> None:
    """Put it into the log of exports, as the dashboard does: somebody takes customers away."""
    import psutil  # type: ignore[import-untyped]

    from salesinsights_dagster.home import make_home
    from salesinsights_dagster.login.export_log import EXPORTS, ExportLog
    from salesinsights_dagster.topic import utc_now

    home, who = load_settings().home, psutil.Process().username()
    make_home(home)
    ExportLog(home / EXPORTS).write(utc_now(), who, f"export {path.absolute()}", rows, None)


def _of_training() -> Mapping[str, str]:
    from assets.tables import USER_FEATURES
    from assets.visitors.user_labels import LABELS

    return {
        **{name: USER_FEATURES.describe(name) for name in USER_FEATURES.schema},
        "at": "the moment that was asked for (UTC)",
        **{name: description for name, (_, description) in LABELS.items()},
    }
