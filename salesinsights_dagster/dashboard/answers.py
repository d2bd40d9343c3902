"""How an address of the API answers: with rows, or with a sentence that says why there are none.

Add here: a way to answer that two modules need. Not here: an address (`api`, `notes_api`).
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import polars as pl
from fastapi import HTTPException, Response
from pydantic import BaseModel

from resources.lake_errors import LakeError
from salesinsights_dagster.dashboard.csv_export import CSV, as_csv
from salesinsights_dagster.login.export_log import ROWS

Format = Literal["json", "csv"]
_T = TypeVar("_T")


class Trouble(BaseModel):
    """Why there are no numbers, and what helps."""

    detail: str


WRONG: dict[int | str, dict[str, Any]] = {
    422: {"model": Trouble, "description": "A parameter, or two of them together, can't be used"}
}
LATER: dict[int | str, dict[str, Any]] = {
    503: {"model": Trouble, "description": "The dashboard has not looked yet, or can't read the lake"}
}
ROWS_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The rows, as JSON or as CSV with a line of names",
        "content": {
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "text/csv": {"schema": {"type": "string"}},
        },
    },
    **LATER,
}
"""What FastAPI can't see in a route that makes its own answer."""


def answered(ask: Callable[[], _T]) -> _T:
    """What is asked for; where the lake can't be read, or was not looked at yet, 503 and why."""
    try:
        return ask()
    except (LookupError, LakeError) as error:
        raise HTTPException(503, str(error)) from error


def rows_answer(frame: pl.DataFrame, form: Format) -> Response:
    """The rows as JSON or CSV, and in a header how many; money is text, so that no digit is lost."""
    rows = {ROWS: str(frame.height)}
    if form == "csv":
        return Response(as_csv(frame), media_type=CSV, headers=rows)
    text = frame.with_columns(pl.col(pl.Decimal).cast(pl.String))
    return Response(text.write_json(), media_type="application/json", headers=rows)
