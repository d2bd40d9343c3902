"""Notes over HTTP: listed by readers, written and deleted by admins, or by everybody where nobody has to log in.

Add here: an address of what people leave on the pages. Not here: what may be kept (`assets.viewers`), who may ask
(`login.rules`).
"""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from assets.viewers.notes import LONGEST_NOTE, NoteError
from salesinsights_dagster.dashboard.answers import LATER, ROWS_ANSWER, WRONG, Format, Trouble, answered, rows_answer
from salesinsights_dagster.dashboard.asked_view import PlainRoute
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.writers import Writer
from salesinsights_dagster.time_zones import is_time_zone

NoteId = Annotated[int, Path(ge=1, lt=2**63)]

_NO_JSON: dict[int | str, dict[str, Any]] = {
    400: {"model": Trouble, "description": "The body is no JSON"},
    **LATER,
}
_NO_NOTE: dict[int | str, dict[str, Any]] = {
    404: {"model": Trouble, "description": "There is no note of this number, or it is deleted"},
    **LATER,
}


class NewNote(BaseModel):
    """A note about a moment (`from`), or about a time that ends (`to`). A day is meant as a whole.

    Times without an offset are by the clocks of `zone`, an IANA name; without one, of the shop's zone.
    """

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=LONGEST_NOTE)]
    since: Annotated[str, Field(alias="from")]
    until: Annotated[str | None, Field(alias="to")] = None
    zone: str | None = None


class Written(BaseModel):
    """The number of what was written."""

    note_id: int


def note_routes(board: Board) -> APIRouter:
    """The notes on the time axis."""
    router = APIRouter(prefix="/api/notes", tags=["notes"], route_class=PlainRoute, responses=WRONG)

    @router.get("", responses=ROWS_ANSWER)
    def notes(format: Format = "json") -> Response:
        """All notes that are not deleted, of the newest times first: note_id, starts_at, ends_at, text, author."""
        answered(board.notes.refresh)
        return rows_answer(board.notes.all, format)

    @router.post("", status_code=201, responses=_NO_JSON)
    def write(note: NewNote, request: Request) -> Written:
        """Write a note."""
        zone = note.zone or board.zone
        if not is_time_zone(zone):
            raise HTTPException(422, f"zone={zone[:40]} is no time zone: give its IANA name, such as Europe/Berlin")
        who = Writer.of(request.scope).name
        try:
            number = answered(lambda: board.notes.add(note.text, note.since, note.until, ZoneInfo(zone), who))
        except NoteError as error:
            raise HTTPException(422, str(error)) from error
        return Written(note_id=number)

    @router.delete("/{note_id}", status_code=204, responses=_NO_NOTE)
    def delete(note_id: NoteId, request: Request) -> None:
        """Delete a note: its text is gone, and the table keeps who deleted it and when."""
        who = Writer.of(request.scope).name
        if not answered(lambda: board.notes.delete(note_id, who)):
            raise HTTPException(404, f"there is no note {note_id}, or it is deleted")

    return router
