"""Who may write on the pages: everybody where nobody has to log in, else admins.

Add here: what a page has to know of who writes. Not here: who may ask an address (`login.rules`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from nicegui import run

from assets.viewers.notes import NoteError
from resources.lake_errors import LakeError
from salesinsights_dagster.login.visitor import SCOPE, Visitor


@dataclass(frozen=True)
class Writer:
    """Who is at a page: the name of the login, None without one."""

    name: str | None
    may_write: bool

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> Self:
        """Who sent a request, by its scope, into which the gate puts the visitor."""
        visitor: Visitor | None = scope.get(SCOPE)
        return cls(None, True) if visitor is None else cls(visitor.name, visitor.role == "admin")


async def why_not(change: Callable[[], object], writer: Writer) -> str:
    """Make a change that a visitor asks for; why it can't be made, in a sentence, empty if it was."""
    if not writer.may_write:
        return "Only an admin may do that."
    try:
        await run.io_bound(change)
    except (NoteError, LakeError) as error:
        return f"{error}."
    return ""
