"""`salesinsights produce`: CSV files into Kafka, each exactly once.

Add here: options and output. Not here: publishing (`assets.intake.csv_publisher`).
"""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
from rich.progress import Progress, TaskID, TextColumn, TimeElapsedColumn

from resources.kafka_writer import TRANSACTION_SECONDS
from salesinsights_dagster.commands.simulated_home import say_if_simulated
from salesinsights_dagster.commands.terminal import terminal
from salesinsights_dagster.settings import load_settings


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rate", type=click.IntRange(min=1), help="Most rows per second; without it, as fast as Kafka allows.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per file.")
def produce(files: tuple[Path, ...], rate: int | None, as_json: bool) -> None:
    """Publish the rows of CSV FILES as events to the topic.

    Each file, known by its name and content, is published completely and exactly once: a kill in the middle leaves
    nothing visible, and a repeat sends nothing.
    """
    from assets.intake.csv_publisher import publish_csv
    from salesinsights_dagster.broker import find_kafka
    from salesinsights_dagster.topic import utc_now

    settings = load_settings()
    connection = find_kafka(settings)
    say_if_simulated(settings)
    for path in files:
        seconds = _paced_seconds(path, rate)
        with Progress(
            TextColumn("{task.description} {task.completed:,} rows"),
            TimeElapsedColumn(),
            console=terminal(),
            transient=True,
            disable=not terminal().is_terminal,
        ) as progress:
            task = progress.add_task(path.name, total=None)
            pace = _pace(rate, partial(_show, progress, task))
            done = publish_csv(path, connection, settings.topic, utc_now(), pace, seconds)
        facts = {"file": done.file, "sha256": done.sha256, "rows": done.rows, "published_now": done.is_new}
        text = f"{done.rows:,} rows published" if done.is_new else "already published, nothing sent"
        click.echo(json.dumps(facts) if as_json else f"{done.file}: {text}")


def _show(progress: Progress, task: TaskID, row: int) -> None:
    progress.update(task, completed=row)


def _pace(rate: int | None, show: Callable[[int], None]) -> Callable[[int], None]:
    """Show each row count, and wait until it is due."""
    begun = time.monotonic()

    def step(row: int) -> None:
        show(row)
        if rate:
            time.sleep(max(0.0, begun + row / rate - time.monotonic()))

    return step


def _paced_seconds(path: Path, rate: int | None) -> float:
    """How many seconds the file takes. It is one transaction, and Kafka aborts one that lasts too long."""
    if not rate:
        return 0
    with path.open("rb") as lines:
        seconds = sum(1 for _ in lines) / rate
    if seconds > TRANSACTION_SECONDS:
        raise click.BadParameter(
            f"{path.name} would take {seconds:,.0f} s at {rate} rows/s, but its transaction may last "
            f"{TRANSACTION_SECONDS} s at most: choose a higher rate, or use `salesinsights replay`",
            param_hint="--rate",
        )
    return seconds
