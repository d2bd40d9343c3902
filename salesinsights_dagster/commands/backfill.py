"""`salesinsights backfill`: months of history from their files, one Dagster run per month, in this process.

Add here: options and output. Not here: how a month is loaded (`assets.archive.month_loader`).
"""

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import click
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from resources.foreseen_error import ForeseenError
from salesinsights_dagster.commands.simulated_home import say_if_simulated
from salesinsights_dagster.commands.terminal import terminal
from salesinsights_dagster.home import make_home
from salesinsights_dagster.settings import Settings, load_settings

if TYPE_CHECKING:
    from assets.archive.month_files import MonthFile

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Month(click.ParamType[date]):
    """A month, given as YYYY-MM."""

    name = "YYYY-MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return date.fromisoformat(f"{value}-01")
        except ValueError:
            self.fail(f"{value!r} is not a month such as 2019-10", param, ctx)


class MonthFailedError(ForeseenError):
    """The run of a month failed; the message says why."""


@click.command()
@click.option("--from", "first", type=Month(), required=True, help="The first month.")
@click.option("--to", "last", type=Month(), help="The last month; without it, only the first.")
@click.option("--again", is_flag=True, help="Also the months that are already loaded from the same file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per month.")
def backfill(first: date, last: date | None, again: bool, as_json: bool) -> None:
    """Load months of history from the archive folder, up to gold.

    The folder is $SALESINSIGHTS_HOME/archive, with files named like 2019-Oct.csv, .csv.gz or .parquet. Each month is
    one Dagster run and shows in the UI. After a kill, the same command continues with the interrupted month. At the
    end, what follows gold is brought up to date, as by `salesinsights refresh`: that is said on standard error.
    """
    from assets.archive.month_files import find_month
    from salesinsights_dagster.commands.refresh import refresh_all

    settings = load_settings()
    make_home(settings.home)
    say_if_simulated(settings)
    files = [find_month(settings.archive_folder, month) for month in _months(first, last or first)]
    done = {} if again else _loaded(settings)
    for file in files:
        figures = None if done.get(file.month) == file.fingerprint else _run(settings, file.month)
        facts = {"month": _name(file.month), "loaded_now": figures is not None, **(figures or {})}
        click.echo(json.dumps(facts) if as_json else _text(file, figures))
    refresh_all(settings, as_json=as_json, err=True)


def _months(first: date, last: date) -> list[date]:
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    if not numbers:
        raise click.BadParameter("is before --from", param_hint="--to")
    return [date(number // 12, number % 12 + 1, 1) for number in numbers]


def _loaded(settings: Settings) -> dict[date, str]:
    from assets.tables import BRONZE_ARCHIVE_MONTHS
    from resources.lake import Lake

    return dict(Lake(settings.lake).table(BRONZE_ARCHIVE_MONTHS).read(columns=["month", "sha256"]).iter_rows())


def _run(settings: Settings, month: date) -> dict[str, Any]:
    """Run the month; return the figures that it materialized."""
    import dagster as dg

    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    from assets.tables import BRONZE_ARCHIVE_MONTHS
    from assets.tables.asset_specs import key_of
    from salesinsights_dagster.dagster_process import prepare_home
    from salesinsights_dagster.definitions import archive_of, build_definitions
    from sensors.jobs import ARCHIVE

    with dg.DagsterInstance.from_config(str(prepare_home(settings))) as instance, _progress(_name(month)) as heard:
        definitions = build_definitions(settings, replace(archive_of(settings), heard=heard))
        result = definitions.resolve_job_def(ARCHIVE.name).execute_in_process(
            instance=instance, partition_key=month.isoformat(), run_config=QUIET, raise_on_error=False
        )
    if not result.success:
        raise MonthFailedError(f"{_name(month)}: {_why(result)}")
    (materialized,) = [
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == key_of(BRONZE_ARCHIVE_MONTHS)
    ]
    return {name: value.value for name, value in materialized.metadata.items() if "/" not in name}


def _why(result: Any) -> str:
    """The error of our own code that failed a run: it names the file and the remedy, as its causes do not."""
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    error = failed.step_failure_data.error
    ours = error.cause or error
    return str(ours.message).strip().split(f"{ours.cls_name}: ", 1)[-1]


@contextmanager
def _progress(name: str) -> Iterator[Callable[[str, int], None]]:
    columns = (TextColumn("{task.description} {task.completed:,} rows"), TimeElapsedColumn())
    with Progress(*columns, console=terminal(), transient=True, disable=not terminal().is_terminal) as progress:
        tasks = {stage: progress.add_task(f"{name} {stage}", total=None) for stage in ("bronze", "silver and gold")}
        yield lambda stage, rows: progress.advance(tasks[stage], rows)


def _name(month: date) -> str:
    return f"{month:%Y-%m}"


def _text(file: "MonthFile", figures: dict[str, Any] | None) -> str:
    if figures is None:
        return f"{_name(file.month)}: {file.path.name} is already loaded, nothing done"
    return (
        f"{_name(file.month)}: {file.path.name}, {figures['lines']:,} lines, {figures['accepted']:,} accepted, "
        f"{figures['quarantined']:,} quarantined, {figures['duplicates']:,} duplicates, {figures['days']} days, "
        f"{figures['seconds']:.1f} s"
    )
