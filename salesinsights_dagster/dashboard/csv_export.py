"""Figures as CSV that a spreadsheet can open without running anything, under a name that says what is in it.

Add here: how a value is written. Not here: which figures there are (`api`).
"""

import re
from collections.abc import Callable, Coroutine
from typing import Any

import polars as pl
from fastapi import Request, Response
from fastapi.routing import APIRoute

CSV = "text/csv"

CHOICES = ("span", "compare", "category", "brand", "product", "zone", "from", "to")
"""The parameters that choose what a file holds, in the order of its name."""

_FORMULA = r"(^|[;\t\r\n])([\p{Zs}\p{Cf}\x00-\x08\x0b\x0c\x0e-\x1f]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20])"
"""What a spreadsheet takes for a formula: it begins a cell, also one after a semicolon or a tab, where some
spreadsheets end one, quoted or not. Invisible characters may stand before it; the wide signs are those of East Asia."""

_GAP = r"^([\t\r])"
"""Some spreadsheets leave it out, and look at what follows."""


def as_csv(frame: pl.DataFrame) -> str:
    """The frame as CSV; what a spreadsheet would take for a formula gets an apostrophe in front."""
    safe = pl.col(pl.String).str.replace_all(_FORMULA, "${1}'${2}").str.replace(_GAP, "'${1}")
    return frame.with_columns(safe).write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ")


class NamedCsv(APIRoute):
    """A route whose CSV is saved under the name of its address, such as top-products-today.csv."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler; a browser saves its CSV instead of showing it."""
        handle = super().get_route_handler()

        async def named(request: Request) -> Response:
            response = await handle(request)
            if response.media_type == CSV:
                response.headers["content-disposition"] = f'attachment; filename="{csv_name(request)}"'
            return response

        return named


def csv_name(request: Request) -> str:
    """The file's name: the parts of the address, then what was chosen by parameters."""
    chosen = [
        request.query_params[name] for name in ("by", "segment", "name", *CHOICES) if name in request.query_params
    ]
    words = [*request.url.path.removeprefix("/api/").split("/"), *chosen]
    return "-".join(re.sub(r"[^A-Za-z0-9]+", "-", word)[:60] for word in words) + ".csv"
