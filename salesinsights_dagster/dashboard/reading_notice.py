"""Says on a page that the lake can't be read, while it can't be.

Add here: what a page does that can't read. Not here: what it reads.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from nicegui import run, ui

from resources.lake_errors import LakeError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ReadingNotice:
    """A line that is seen only while the last question found the lake unreadable. What is shown below it stays."""

    def __init__(self) -> None:
        with ui.element("div").props("role=status"):
            self._label = ui.label("").classes("si-pill si-bad").style("white-space: normal; border-radius: 14px")
        self._label.set_visibility(False)

    async def answer(self, ask: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T | None:
        """The answer, found beside the loop; None where the lake can't be read, or the dashboard ends."""
        try:
            found = await run.io_bound(ask, *args, **kwargs)
        except LakeError as error:
            self._label.set_text(f"The lake could not be read; what is shown is from before. {error}")
            self._label.set_visibility(True)
            return None
        self._label.set_visibility(False)
        return found
