"""What several commands show: progress on stderr, so that their output can be piped; frames as tables.

Add here: what several commands share. Not here: a command.
"""

from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import polars as pl

SHOWN_ROWS = 200
"""Rows that a table shows; csv and json show all."""


def terminal() -> Console:
    return Console(stderr=True)


def print_table(answer: "pl.DataFrame") -> None:
    """Print the first SHOWN_ROWS rows; a cell is shown as plain text, even if it looks like markup."""
    table = Table(*answer.columns)
    for row in answer.head(SHOWN_ROWS).iter_rows():
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    Console().print(table)
    if answer.height > SHOWN_ROWS:
        click.echo(f"{SHOWN_ROWS} of {answer.height:,} rows", err=True)
