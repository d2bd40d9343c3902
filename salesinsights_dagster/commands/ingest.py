"""`salesinsights ingest`: processes batches until the lag is zero, in this process.

Add here: what the receipt shows. Not here: the batches (`assets.stream.micro_batch`).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from salesinsights_dagster.commands.terminal import terminal
from salesinsights_dagster.home import make_home
from salesinsights_dagster.settings import load_settings

if TYPE_CHECKING:
    from assets.runs.verdict import Figure


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the receipt as JSON.")
def ingest(as_json: bool) -> None:
    """Read the backlog from Kafka into bronze, silver and gold, without Dagster's daemon, and print a receipt."""
    from assets.bronze.bronze import unread_offsets
    from assets.customers.clv_model import refit
    from assets.customers.customer_value import customer_value_is_behind, refresh_customer_value
    from assets.gold.restatements import look_in_time
    from assets.stream.compaction import compact
    from assets.stream.micro_batch import micro_batches, open_stream
    from assets.stream.run_summary import RunSummary
    from resources.lake import Lake
    from resources.lake_errors import ProgressMovedError
    from salesinsights_dagster.topic import open_reader, utc_now

    settings = load_settings()
    make_home(settings.home)
    lake, reader, summary = Lake(settings.lake), open_reader(settings), RunSummary()
    look_in_time(lake, utc_now())
    tables = open_stream(lake)
    with _progress(unread_offsets(tables, reader)) as advance:
        try:
            for receipt in micro_batches(tables, reader, utc_now, settings.batch_rows, settings.window_seconds):
                summary.add(receipt)
                advance(receipt.batch.events.height)
        except ProgressMovedError as other:
            click.echo(f"{other}; stopped here", err=True)
        compact(tables)
        if customer_value_is_behind(lake, settings.clv, settings.segment_rules):
            refit(lake, settings.clv, utc_now())
            refresh_customer_value(lake, settings.segment_rules)
    days = sorted(day.isoformat() for day in summary.days)
    figures = summary.figures()
    click.echo(json.dumps({**figures, "days": days}) if as_json else _text(figures, days))


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal(), transient=True, disable=not terminal().is_terminal) as progress:
        task = progress.add_task("messages", total=total)
        yield lambda count: progress.advance(task, count)


def _text(figures: "Mapping[str, Figure]", days: list[str]) -> str:
    span = f"{len(days)} ({days[0]} to {days[-1]})" if days else "none"
    shown = {**figures, "days": span}
    width = max(len(name) for name in shown)
    return "\n".join(f"{name:<{width}}  {figure}" for name, figure in shown.items())
