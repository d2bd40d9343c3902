"""`salesinsights sql`: read-only SQL over all tables.

Add here: an output format. Not here: what the session may do (`resources.duckdb_engine`).
"""

import io

import click
import polars as pl

from salesinsights_dagster.commands.terminal import print_table
from salesinsights_dagster.settings import load_settings


@click.command()
@click.argument("statement")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def sql(statement: str, form: str) -> None:
    """Answer one SELECT STATEMENT over bronze_events, bronze_archive_months, silver_events, silver_quarantine,
    silver_batches, product_sales, product_sales_daily, customer_days, customer_value, restatements and
    forgotten_users."""
    from assets.sql_views import sql_session
    from resources.duckdb_engine import query
    from resources.lake import Lake

    with sql_session(Lake(load_settings().lake), statement=statement) as connection:
        answer = query(connection, statement)
    {"table": print_table, "csv": _print_csv, "json": _print_json}[form](answer)


def _print_csv(answer: pl.DataFrame) -> None:
    click.echo(_printable(answer).write_csv(), nl=False)


def _print_json(answer: pl.DataFrame) -> None:
    target = io.BytesIO()
    _printable(answer).write_json(target)
    click.echo(target.getvalue().decode())


def _printable(answer: pl.DataFrame) -> pl.DataFrame:
    """Decimals and lists as text, so that no digit is lost on the way; bytes as text with replacement characters."""
    return answer.with_columns(
        pl.col(pl.Decimal).cast(pl.String),
        pl.col(pl.Binary).map_elements(lambda value: value.decode(errors="replace"), return_dtype=pl.String),
        pl.col(pl.List).map_elements(lambda values: ", ".join(map(str, values)), return_dtype=pl.String),
    )
