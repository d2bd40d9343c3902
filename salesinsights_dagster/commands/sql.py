"""`salesinsights sql`: read-only SQL over all tables.

Add here: an output format. Not here: what the session may do (`resources.duckdb_engine`).
"""

import io

import click
import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from salesinsights_dagster.settings import load_settings

SHOWN_ROWS = 200
"""Rows that a table shows; csv and json give all."""


@click.command()
@click.argument("statement")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def sql(statement: str, form: str) -> None:
    """Answer one SELECT STATEMENT over bronze_events, silver_events, silver_quarantine, silver_batches, product_sales,
    product_sales_daily, customer_days and customer_value."""
    from assets.sql_views import sql_session
    from resources.duckdb_engine import query
    from resources.lake import Lake

    with sql_session(Lake(load_settings().lake)) as connection:
        answer = query(connection, statement)
    {"table": _print_table, "csv": _print_csv, "json": _print_json}[form](answer)


def _print_table(answer: pl.DataFrame) -> None:
    table = Table(*answer.columns)
    for row in answer.head(SHOWN_ROWS).iter_rows():
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    Console().print(table)
    if answer.height > SHOWN_ROWS:
        click.echo(f"{SHOWN_ROWS} of {answer.height:,} rows; --format csv gives all", err=True)


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
