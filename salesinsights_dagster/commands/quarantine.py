"""`salesinsights quarantine`: shows what was refused and why, and tries it again.

Add here: how refused rows are shown. Not here: what a replay does (`assets.stream.quarantine_replay`).
"""

import json
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from salesinsights_dagster.commands.terminal import print_table, terminal_width
from salesinsights_dagster.settings import load_settings

if TYPE_CHECKING:
    import polars as pl

Day = click.DateTime(["%Y-%m-%d"])


@click.group()
def quarantine() -> None:
    """Messages and lines that the contract refuses: kept byte for byte, with a reason, under their day of arrival."""


@quarantine.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per day and reason.")
def list_reasons(as_json: bool) -> None:
    """Count refused rows by day of arrival, source and reason."""
    import polars as pl

    rows = _read(None, ["arrival_date", "source", "reason"])
    counted = rows.group_by("arrival_date", "source", "reason").agg(rows=pl.len()).sort(pl.all())
    _show(counted, as_json)


@quarantine.command()
@click.option("--day", type=Day, help="Only what arrived on this day.")
@click.option("--reason", help="Only rows with this reason code.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Rows at most.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per row.")
def show(day: datetime | None, reason: str | None, limit: int, as_json: bool) -> None:
    """Show refused rows: where each came from, why it was refused, and its text."""
    import polars as pl

    rows = _read([day.date()] if day else None)
    chosen = rows.filter(pl.col("reason") == reason if reason else pl.lit(value=True)).sort("ingested_at", "offset")
    text = pl.col("value").map_elements(lambda value: value.decode("utf-8", "backslashreplace"), pl.String)
    _show(chosen.head(limit).select("source", "partition", "offset", "reason", "detail", value=text), as_json)


@quarantine.command()
@click.option("--day", "days", type=Day, multiple=True, help="A day of arrival; can be repeated. Without it, all days.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def replay(days: tuple[datetime, ...], as_json: bool) -> None:
    """Try refused rows again, after a rule changed or a Schema Registry was set.

    A row that passes goes to silver and counts in gold, once: if silver has its event already, it is a duplicate.
    """
    from assets.gold.restatements import look_in_time
    from assets.stream.quarantine_replay import replay as replay_days
    from resources.lake import Lake
    from salesinsights_dagster.topic import registry_of, utc_now

    settings = load_settings()
    look_in_time(Lake(settings.lake), utc_now())
    chosen = [day.date() for day in days] or sorted(set(_read(None, ["arrival_date"])["arrival_date"]))
    done = replay_days(Lake(settings.lake), chosen, settings.window_seconds, registry_of(settings))
    facts = {
        "tried": done.tried,
        "won_back": done.won_back,
        "accepted": done.accepted,
        "duplicates": done.duplicates,
        "still_refused": done.still_refused,
        "days": [day.isoformat() for day in done.days],
    }
    text = (
        f"{done.tried:,} tried: {done.won_back:,} won back ({done.accepted:,} accepted, "
        f"{done.duplicates:,} duplicates), {done.still_refused:,} still refused"
    )
    click.echo(json.dumps(facts) if as_json else text)


def _read(days: list[date] | None, columns: list[str] | None = None) -> "pl.DataFrame":
    from assets.tables import SILVER_QUARANTINE
    from resources.lake import Lake

    where = SILVER_QUARANTINE.on_days(days) if days else None
    return Lake(load_settings().lake).table(SILVER_QUARANTINE).read(where, columns)


def _show(rows: "pl.DataFrame", as_json: bool) -> None:
    if as_json:
        for row in rows.iter_rows(named=True):
            click.echo(json.dumps(row, default=str))
    elif rows.is_empty():
        click.echo("nothing in quarantine")
    else:
        print_table(rows, terminal_width())
