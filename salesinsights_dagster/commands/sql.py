"""`salesinsights sql`: read-only SQL over all tables.

Add here: an output format. Not here: what the session may do (`resources.duckdb_engine`).
"""

import cmd
import io
import sys
from typing import TYPE_CHECKING

import click
import polars as pl

from resources.foreseen_error import ForeseenError
from salesinsights_dagster.commands.refresh import say_what_is_not_computed
from salesinsights_dagster.commands.terminal import print_table, terminal_width
from salesinsights_dagster.settings import load_settings

if TYPE_CHECKING:
    from resources.lake import Lake


@click.command()
@click.argument("statement", required=False)
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def sql(statement: str | None, form: str) -> None:
    """Answer one SELECT STATEMENT; without one, open a prompt.

    The tables, by layer: bronze_events, bronze_archive_months; silver_events, silver_purchases, silver_quarantine,
    silver_batches, silver_catalog_refused, forgotten_users; product_sales, product_sales_daily, category_sales_daily,
    customer_days, restatements; funnel_daily, user_days, silver_sessions, abandoned_carts, recovered_carts,
    cohort_retention, user_features; catalog, product_outlook, bought_together, repurchases; customer_value,
    customer_value_days, segments, segment_moves, audience_members, expected_sales, sales_backtest, clv_model,
    clv_holdout; sales_topic, proofs; notes, saved_views.
    """
    from resources.lake import Lake

    lake = Lake(load_settings().lake)
    if statement is None:
        Shell(lake, form).cmdloop()
    else:
        _answer(lake, statement, form)


def _answer(lake: "Lake", statement: str, form: str) -> None:
    from assets.tables.sql_views import sql_session
    from resources.duckdb_engine import query

    with sql_session(lake, statement=statement) as connection:
        answer = query(connection, statement)
    {"table": _print_table, "csv": _print_csv, "json": _print_json}[form](answer)
    say_what_is_not_computed(lake, load_settings(), statement)


class Shell(cmd.Cmd):
    """A prompt: each statement ends with a semicolon, and sees the newest version of the tables."""

    intro = "End each SELECT with a semicolon; it sees the newest data. Leave with exit or Ctrl-D."
    prompts = ("sales> ", "  ...> ")

    def __init__(self, lake: "Lake", form: str) -> None:
        super().__init__()
        self.use_rawinput = sys.stdin.isatty()
        if not self.use_rawinput:
            self.intro, self.prompts = "", ("", "")
        self.prompt = self.prompts[0]
        self._lake, self._form, self._typed = lake, form, ""

    def onecmd(self, line: str) -> bool:
        """Take a line; answer when the statement is complete. True to leave."""
        if line == "EOF" or (not self._typed and line.strip().rstrip(";") in ("exit", "quit")):
            return True
        self._typed = f"{self._typed}\n{line}".strip()
        if self._typed.endswith(";"):
            statement, self._typed = self._typed.rstrip("; \n"), ""
            self._try(statement)
        self.prompt = self.prompts[bool(self._typed)]
        return False

    def _try(self, statement: str) -> None:
        try:
            _answer(self._lake, statement, self._form)
        except ForeseenError as error:
            click.echo(f"Error: {error}", err=True)


def _print_table(answer: pl.DataFrame) -> None:
    print_table(answer, terminal_width())


def _print_csv(answer: pl.DataFrame) -> None:
    click.echo(_printable(answer).write_csv(), nl=False)


def _print_json(answer: pl.DataFrame) -> None:
    target = io.BytesIO()
    _printable(answer).write_json(target)
    click.echo(target.getvalue().decode())


def _printable(answer: pl.DataFrame) -> pl.DataFrame:
    """Decimals and lists as text, so that no digit is lost; bytes as text with replacement characters."""
    return answer.with_columns(
        pl.col(pl.Decimal).cast(pl.String),
        pl.col(pl.Binary).map_elements(lambda value: value.decode(errors="replace"), return_dtype=pl.String),
        pl.col(pl.List).map_elements(lambda values: ", ".join(map(str, values)), return_dtype=pl.String),
    )
