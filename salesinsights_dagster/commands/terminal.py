"""What several commands show: progress and notes on stderr, so that their output can be piped; frames as tables.

Add here: what several commands share. Not here: a command.
"""

import re
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import polars as pl

SHOWN_ROWS = 200
"""Rows that a table shows; csv and json show all."""


_UNLIMITED = 100_000
"""Characters of a line in a pipe, or a file."""


def terminal() -> Console:
    return Console(stderr=True)


def terminal_width() -> int | None:
    """The width of the terminal that the output goes to; None if it goes elsewhere."""
    output = Console()
    return output.width if output.is_terminal else None


def print_table(answer: "pl.DataFrame", width: int | None) -> None:
    """Print the first SHOWN_ROWS rows, each value in full.

    `width` is that of the terminal; into a pipe (None) each row is one line. A wider table is printed as a list:
    a line for each value. A cell is shown as plain text, even if it looks like markup or commands.
    """
    rows = answer.head(SHOWN_ROWS)
    console = Console(width=width or _UNLIMITED)
    table = Table()
    for name in rows.columns:
        table.add_column(Text(name))
    for row in rows.iter_rows():
        table.add_row(*map(_cell, row))
    # Measured on a narrower console, a table is never wider than it.
    fits = Console(width=_UNLIMITED).measure(table).maximum <= console.width
    console.print(table if fits else _listed(rows))
    if answer.height > SHOWN_ROWS:
        click.echo(f"{SHOWN_ROWS} of {answer.height:,} rows", err=True)


def _listed(rows: "pl.DataFrame") -> Table:
    """Each row as lines of name and value, under its number: so its values may be as long as they are."""
    listed = Table.grid(padding=(0, 2))
    listed.add_column()
    listed.add_column(overflow="fold")
    for number, row in enumerate(rows.iter_rows(), 1):
        listed.add_row(Text(f"row {number}", "bold"))
        for name, value in zip(rows.columns, row, strict=True):
            listed.add_row(Text(name), _cell(value))
    return listed


def _cell(value: object) -> Text:
    return Text("" if value is None else _harmless(str(value)))


def _harmless(text: str) -> str:
    """The text with `\\x1b` and the like for characters that a terminal obeys, but for line ends and tabs."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda found: repr(found[0])[1:-1], text)
