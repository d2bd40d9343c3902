"""What a page shows, as its address says: it can be kept, sent, and gone back to.

Add here: what a viewer may choose. Not here: what is counted then (`figures`), how it is chosen (`pages`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode

from salesinsights_dagster.dashboard.spans import SPANS, Comparison, Span


class ViewError(ValueError):
    """An address asks for what can't be shown; the message says in a sentence what is offered."""


@dataclass(frozen=True)
class View:
    """A span of time beside another. Raises ViewError for a span that is unknown, or not compared with that time."""

    span: str = "hour"
    compare: str = "before"

    def __post_init__(self) -> None:
        if self.span not in SPANS:
            raise ViewError(f"span={self.span} is unknown: choose one of {', '.join(SPANS)}")
        if self._compared() is None:
            offered = ", ".join(known.name for known in self.shown.comparisons)
            raise ViewError(f"span={self.span} can't be compared with compare={self.compare}: choose one of {offered}")

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> Self:
        """The view of an address's parameters; empty and unknown ones count as not given. Raises ViewError."""
        known = {name: asked[name] for name in ("span", "compare") if asked.get(name)}
        return cls(**known)

    @property
    def query(self) -> str:
        """The parameters of its address."""
        return urlencode({"span": self.span, "compare": self.compare})

    def during(self, span: str) -> "View":
        """The same of another span, beside the same time if that span is compared with it."""
        kept = SPANS[span].comparison(self.compare) or SPANS[span].comparisons[0]
        return View(span, kept.name)

    @property
    def shown(self) -> Span:
        return SPANS[self.span]

    @property
    def comparison(self) -> Comparison:
        return self._compared() or self.shown.comparisons[0]

    def _compared(self) -> Comparison | None:
        return self.shown.comparison(self.compare)
