"""`make bench`: runs every benchmark and rewrites its section of docs/benchmarks.md.

Add here: a section of that page. Not here: how a figure is measured.
"""

import os
import platform
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import polars as pl

from benchmarks import (
    backfill,
    beside,
    browsers,
    campaign,
    customers,
    dashboard,
    day,
    flatness,
    hours,
    kills,
    latency,
    model,
    rebuild,
    runs,
    same_job,
    seams,
    soak,
    soak_faults,
    spark,
    throughput,
    visitors,
    week,
    workers,
)

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
HEAD = "# Benchmarks\n\n`make bench` writes this page; each section holds its last run.\n\n"
BENCHMARKS = (
    *("latency", "throughput", "backfill", "month", "rebuild", "flatness", "dashboard", "browsers"),
    *("customers", "visitors", "looks", "beside", "runs"),
)
LONG = (
    *("workers", "day", "hours", "week", "soak", "seams", "campaign", "model", "guards", "kills"),
    *("spark", "connect", "bulk"),
)
"""`make bench` leaves these out, since each takes long or needs what it does not install: run it with `--only`."""


@click.command()
@click.option("--only", type=click.Choice((*BENCHMARKS, *LONG)), help="Run only this one; other sections stay.")
@click.option("--rate", default=1_000, show_default=True, help="Latency, beside, hours: events a second.")
@click.option("--seconds", default=600, show_default=True, help="Latency, beside, hours: how long.")
@click.option("--day-events", default=40_000_000, show_default=True, help="Day, hours, looks: events on the busy day.")
@click.option("--events", default=2_000_000, show_default=True, help="Throughput: events in Kafka; month: lines.")
@click.option("--rows", default=20_000_000, show_default=True, help="Rows of history, for benchmarks that have one.")
@click.option("--commits", default=20_000, show_default=True, help="Flatness: micro-batches; runs: runs.")
@click.option("--minutes", default=60, show_default=True, help="Soak, seams, model, kills, week: how long.")
@click.option("--seed", default=1, show_default=True, help="Seams: which clicks are drawn.")
@click.option("--seeds", default=20, show_default=True, help="Spark: how many times an executor is killed.")
@click.option(
    "--months", default=5, show_default=True, help="Spark, connect, bulk: over how many months the rows are spread."
)
@click.option("--pages", default=50, show_default=True, help="Browsers: open pages.")
@click.option("--folder", type=click.Path(path_type=Path), help="Week: where its lake stays, to go on there later.")
def main(
    only: str | None,
    rate: int,
    seconds: int,
    day_events: int,
    events: int,
    rows: int,
    commits: int,
    minutes: int,
    seed: int,
    seeds: int,
    months: int,
    pages: int,
    folder: Path | None,
) -> None:
    """Run the benchmarks on this machine. Keep it quiet meanwhile."""
    benchmarks: dict[str, Callable[[], tuple[str, Sequence[Any]]]] = {
        "latency": lambda: (
            f"Seconds from payment to gold: {rate:,} events/s for {seconds} s, 30 s poll, Kafka on the same cores",
            latency.run(rate, seconds),
        ),
        "throughput": lambda: (
            "A backlog in Kafka, read by `salesinsights ingest`, compared with a minimal pipeline of the same "
            f"libraries, medians of {throughput.TURNS} turns, the largest MB",
            throughput.run(events),
        ),
        "day": lambda: (
            f"A batch of {day.BATCH:,} events at the end of a busy day, compared with one on an empty day, in warm "
            "processes",
            day.run(day_events),
        ),
        "hours": lambda: (
            f"Seconds from payment to gold at the end of a busy day: {rate:,} events/s for {seconds} s, everything on",
            hours.run(day_events, rate, seconds),
        ),
        "backfill": lambda: (
            "Five months from files, launched as the UI does it, beside a stream of 200 events/s; latency in seconds",
            [backfill.run(rows)],
        ),
        "workers": lambda: (
            f"Five months of {rows:,} rows in all on two workers, processes of this machine; one of them is killed, "
            "with its runs; needs Celery and Redis",
            workers.run(rows),
        ),
        "month": lambda: (f"{same_job.SUBJECT}: {events:,} lines", same_job.run(events)),
        "rebuild": lambda: (f"One day of {rows:,} rows, generated without the simulated shop", rebuild.run(rows)),
        "flatness": lambda: ("One batch of 20,000 events on different lakes", flatness.run(rows, commits)),
        "week": lambda: (
            f"One batch of {flatness.BATCH:,} events after up to seven days of {flatness.COMMITS_AN_HOUR:,} commits an "
            "hour, beside one on an empty lake; and a commit, with its share of upkeep, over the last "
            f"{week.EVERY} hours",
            week.run(_needed(folder), minutes),
        ),
        "dashboard": lambda: (
            f"The Live page's figures on {rows:,} rows, computed once for all open pages",
            dashboard.run(rows),
        ),
        "browsers": lambda: (
            f"{pages} Live pages ({browsers.KIND_OF_PAGES}) beside batches of 20,000 events, one every "
            f"{browsers.SECONDS:.0f} s; ratios to no page open",
            browsers.run(pages),
        ),
        "customers": lambda: (
            "Fitting the models of lifetime value, and scoring every buyer; then fits with and without the prior, on "
            "shops without the last third of their history, and how many of the intervals of 90 % held what came (of "
            "those who are expected to buy). CDNOW's file has no dates and no money, so nothing is held out there",
            customers.run(),
        ),
        "visitors": lambda: (
            f"The visitor and customer tables on {rows:,} rows of five months, each in its own process",
            visitors.run(rows),
        ),
        "looks": lambda: (
            f"The visitor and customer tables on one day: a refresh after {visitors.LOOK_EVENTS:,} events on a day of "
            f"{visitors.SMALL_DAY:,} and on one of {day_events:,}, written to silver directly; each in its own process",
            visitors.run_busy_day(day_events),
        ),
        "beside": lambda: (
            f"Seconds from payment to gold beside the customer assets, which first compute {rows:,} rows of five "
            f"months: {rate:,} events/s, twice {seconds} s",
            beside.run(rate, seconds, rows),
        ),
        "soak": lambda: (
            f"{soak.RATE} events/s and a day file of {soak.DAY_FILE_EVENTS:,} rows every {soak.EVERY:.0f} s, with a "
            "fault as often; in the last column the faults of a kind in their order, a disk's minute and the broker's "
            f"{soak_faults.BROKER_AWAY:.0f} s included",
            soak.run(minutes),
        ),
        "seams": lambda: (
            f"Clicks at random in Dagster's UI beside {seams.RATE} events/s: what each was answered, how often, and "
            "which runs failed that nobody had touched",
            seams.run(minutes, seed),
        ),
        "campaign": lambda: ("The tests that have a long form, in that form", campaign.run()),
        "model": lambda: (
            f"Random stories of a lake, told for {minutes} minutes: what people do, what fails, who comes in between",
            model.run(minutes),
        ),
        "guards": lambda: (
            "Random stories until one shows that a guard is switched off",
            model.run_without_guards(),
        ),
        "kills": lambda: (
            f"Processes killed at random moments for {minutes} minutes, beside {kills.RATE:.0f} messages/s into a real "
            "broker",
            kills.run(minutes),
        ),
        "spark": lambda: (
            f"Bulk work on {rows:,} rows of {months} month(s), here and as tasks on a standalone Spark master with two "
            "workers from the wheel (one core and 2 GB each); CPU seconds of all processes together, Java included",
            spark.run(rows, seeds, months),
        ),
        "connect": lambda: (
            f"{rows:,} rows of {months} month(s) as tasks on the same two workers, whose driver is the run (spark://) "
            "or a Spark Connect server (sc://)",
            spark.run_connect(rows, months),
        ),
        "bulk": lambda: (
            f"{rows:,} rows of {months} month(s) as tasks on the same two workers; MB are those of the largest process",
            spark.run_bulk(rows, months),
        ),
        "runs": lambda: ("Dagster's run database, pruned every hour", runs.run(commits)),
    }
    if only is None:
        listed = " and ".join(f"`python -m benchmarks --only {name}`" for name in LONG)
        click.echo(f"Left out, since they take more than an hour: {listed}.\n")
    for name in BENCHMARKS if only is None else (only,):
        subject, figures = benchmarks[name]()
        tables = "\n\n".join(map(_table, figures if isinstance(figures[0], list) else [figures]))
        section = f"{subject}. {_circumstances()}\n\n{tables}\n"
        click.echo(section)
        _write(name, section)


def _needed(folder: Path | None) -> Path:
    if folder is None:
        raise click.UsageError("--only week takes some ten hours: give it a --folder, and it can go on there")
    return folder


def _write(name: str, section: str) -> None:
    """Replace one section, and leave the others."""
    text = PAGE.read_text() if PAGE.exists() else ""
    found = dict(re.findall(r"^## (\w+)\n\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    found[name.capitalize()] = section
    order = [title.capitalize() for title in (*BENCHMARKS, *LONG)]
    PAGE.write_text(HEAD + "\n".join(f"## {title}\n\n{found[title].strip()}\n" for title in order if title in found))


def _circumstances() -> str:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, Polars {pl.__version__}"
    return f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip() or 'unknown'}; {machine}."


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    """One line per row; a single row becomes one line per figure."""
    if len(rows) == 1:
        return "| figure | |\n|---|---|\n" + "\n".join(f"| {k} | {_text(v)} |" for k, v in rows[0].items())
    head = " | ".join(rows[0])
    body = "\n".join("| " + " | ".join(_text(value) for value in row.values()) + " |" for row in rows)
    return f"| {head} |\n|{'---|' * len(rows[0])}\n{body}"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
