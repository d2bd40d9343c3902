"""Saved views over HTTP: listed by readers, saved and deleted by admins, or by everybody where nobody has to log in.

Add here: an address of saved views. Not here: what a view is (`view`), who may ask (`login.rules`).
"""

from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from assets.viewers.notes import NoteError
from assets.viewers.saved_views import LONGEST_NAME
from salesinsights_dagster.dashboard.answers import LATER, ROWS_ANSWER, WRONG, Format, Trouble, answered, rows_answer
from salesinsights_dagster.dashboard.asked_view import PlainRoute
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.view import View, ViewError
from salesinsights_dagster.dashboard.writers import Writer

_NO_JSON: dict[int | str, dict[str, Any]] = {400: {"model": Trouble, "description": "The body is no JSON"}, **LATER}
_NO_VIEW: dict[int | str, dict[str, Any]] = {
    404: {"model": Trouble, "description": "There is no view of this name"},
    **LATER,
}


class NewView(BaseModel):
    """A view under a name. `query`: the parameters of its address, such as span=week&brand=runail."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    query: Annotated[str, Field(max_length=4_000)] = ""


class Saved(BaseModel):
    """A view as it is kept."""

    name: str
    query: str


def view_routes(board: Board) -> APIRouter:
    """The saved views."""
    router = APIRouter(prefix="/api/views", tags=["views"], route_class=PlainRoute, responses=WRONG)

    @router.get("", responses=ROWS_ANSWER)
    def views(format: Format = "json") -> Response:
        """All saved views by name: name, query, author, saved_at."""
        answered(board.views.refresh)
        return rows_answer(board.views.all, format)

    @router.post("", status_code=201, responses=_NO_JSON)
    def save(asked: NewView, request: Request) -> Saved:
        """Save a view, in place of the one that has its name."""
        try:
            view = View.read(dict(parse_qsl(asked.query.removeprefix("?"))))
            name = answered(lambda: board.views.save(asked.name, view, Writer.of(request.scope).name))
        except (NoteError, ViewError, UnicodeEncodeError) as error:
            raise HTTPException(422, str(error)) from error
        return Saved(name=name, query=view.query)

    @router.delete("", status_code=204, responses=_NO_VIEW)
    def delete(name: Annotated[str, Query(max_length=LONGEST_NAME)]) -> None:
        """Delete the view of a name."""
        if not answered(lambda: board.views.delete(name)):
            raise HTTPException(404, "there is no view of this name")

    return router
