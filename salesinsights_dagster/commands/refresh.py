"""`salesinsights refresh`: brings every table that follows the sales up to date, without Dagster's daemon.

Add here: options and output. Not here: what follows (`assets.upkeep.followers`).
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from salesinsights_dagster.home import make_home
from salesinsights_dagster.settings import Settings, load_settings

if TYPE_CHECKING:
    from assets.upkeep.followers import Choices
    from resources.lake import Lake
    from resources.table_layout import TableLayout

HOW = "`salesinsights refresh` brings it up to date at once; Dagster does within minutes"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per table.")
def refresh(as_json: bool) -> None:
    """Bring customers, sessions, carts, funnel, cohorts, products, audiences and serving.duckdb up to date.

    Dagster does this by itself, every few minutes. Without its daemon, run this after `ingest`. `backfill` ends with
    it. What is up to date costs little.
    """
    settings = load_settings()
    make_home(settings.home)
    refresh_all(settings, as_json=as_json)


def refresh_all(settings: Settings, *, as_json: bool, err: bool = False) -> None:
    """Refresh everything, and print a line per table, or a JSON object; with `err`, on standard error."""
    from assets.serving.duckdb_file import publish_serving
    from assets.upkeep.followers import refresh_followers
    from resources.lake import Lake
    from salesinsights_dagster.topic import utc_now

    lake, has_changed = Lake(settings.lake), False
    for done in refresh_followers(lake, _choices(settings), utc_now()):
        has_changed |= done.was_behind
        facts = {"table": done.name, "rows": done.rows, "refreshed": done.was_behind, "seconds": round(done.seconds, 1)}
        what = f"{done.seconds:.1f} s" if done.was_behind else "was up to date"
        click.echo(json.dumps(facts) if as_json else f"{done.name:<24}{done.rows:>14,} rows  {what}", err=err)
    if has_changed or not settings.serving_file.exists():
        publish_serving(lake, settings.serving_file)


def _choices(settings: Settings) -> "Choices":
    from assets.upkeep.followers import Choices

    return Choices(settings.clv, settings.segment_rules, settings.carts, settings.window_seconds, settings.audiences)


def say_what_is_not_computed(lake: "Lake", settings: Settings, statement: str) -> None:
    """Say on standard error which tables in a statement are empty, but only because they are not computed yet."""
    from assets.tables import TABLES
    from assets.tables.table import FOLLOWING

    named = [table for name, table in TABLES.items() if table.cadence in FOLLOWING and name in statement]
    empty = [table for table in named if not lake.table(table).rows]
    for layout in tables_behind(lake, settings, empty) if empty else ():
        click.echo(f"{layout.name} is empty, but not up to date: {HOW}", err=True)


def tables_behind(lake: "Lake", settings: Settings, tables: "Sequence[TableLayout]") -> "list[TableLayout]":
    """Which of these tables do not show all rows of their source."""
    from assets.upkeep.followers import behind

    return behind(lake, _choices(settings), tables)
