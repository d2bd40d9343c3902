"""`make bench`: every benchmark, and docs/benchmarks.md written anew.

Add here: a section of that page. Not here: how a figure is measured.
"""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import polars as pl

from benchmarks import flatness, latency, throughput

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


@click.command()
@click.option("--only", type=click.Choice(["latency", "throughput", "flatness"]), help="One of them, printed only.")
@click.option("--rate", default=1_000, show_default=True, help="Latency: events a second.")
@click.option("--seconds", default=600, show_default=True, help="Latency: how long.")
@click.option("--events", default=2_000_000, show_default=True, help="Throughput: events waiting in Kafka.")
@click.option("--rows", default=20_000_000, show_default=True, help="Flatness: rows of history.")
@click.option("--commits", default=10_000, show_default=True, help="Flatness: micro-batches before.")
def main(only: str | None, rate: int, seconds: int, events: int, rows: int, commits: int) -> None:
    """Run the benchmarks on this machine; keep it quiet meanwhile."""
    runs = {
        "latency": lambda: _section(
            f"Payment to gold: {rate:,} events/s for {seconds} s, 30 s poll, Kafka on the same cores; seconds",
            [latency.run(rate, seconds)],
        ),
        "throughput": lambda: _section(
            "A backlog in Kafka, drained by `salesinsights ingest`", [throughput.run(events)]
        ),
        "flatness": lambda: _section("One batch of 20,000 events on different lakes", flatness.run(rows, commits)),
    }
    sections = []
    for name, run in runs.items():
        if only in (None, name):
            sections.append(run())
            click.echo(sections[-1])
    if only is None:
        PAGE.write_text("\n".join([_head(), *sections]))


def _head() -> str:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, Polars {pl.__version__}"
    return (
        "# Benchmarks\n\nWritten by `make bench`. "
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip() or 'unknown'}; {machine}.\n"
    )


def _section(title: str, rows: Sequence[Mapping[str, object]]) -> str:
    if len(rows) == 1:
        return (
            f"## {title}\n\n| figure | |\n|---|---|\n"
            + "\n".join(f"| {k} | {_text(v)} |" for k, v in rows[0].items())
            + "\n"
        )
    head = " | ".join(rows[0])
    body = "\n".join("| " + " | ".join(_text(value) for value in row.values()) + " |" for row in rows)
    return f"## {title}\n\n| {head} |\n|{'---|' * len(rows[0])}\n{body}\n"


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
