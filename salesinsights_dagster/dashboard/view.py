"""What a page shows, as its address says: it can be kept, sent, and gone back to.

Add here: what a viewer may choose. Not here: what is counted then (`figures`), how it is chosen (`pages`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from salesinsights_dagster.dashboard.free_range import FreeRange, RangeError, read_range
from salesinsights_dagster.dashboard.spans import SPANS, Comparison, Span
from salesinsights_dagster.time_zones import is_time_zone

FILTERS = ("category", "brand", "product")

RANGE = "range"
"""The span that is chosen freely."""

_ASKED = {"since": "from", "until": "to"}
"""Fields whose names in an address differ: `from` is a word of the language."""


class ViewError(ValueError):
    """An address asks for what can't be shown; the message says in a sentence what is offered."""


@dataclass(frozen=True)
class View:
    """A span of time beside another, of all sales or of those that pass every filter.

    A span "range" goes from `since` to `until`, as `free_range` reads them: in an address, `from` and `to`.
    `category` is a code, or the number of one without a code. `zone` is a time zone's IANA name, None for the shop's.
    Raises ViewError for a value that is unknown, or does not go with another.
    """

    span: str = "hour"
    compare: str = "before"
    category: str | None = None
    brand: str | None = None
    product: int | None = None
    zone: str | None = None
    since: str | None = None
    until: str | None = None

    def __post_init__(self) -> None:
        if self.span not in (*SPANS, RANGE):
            raise ViewError(f"span={self.span} is unknown: choose one of {', '.join((*SPANS, RANGE))}")
        if (self.since is None) != (self.until is None) or (self.since is None) != (self.span != RANGE):
            raise ViewError("from= and to= go together, and with span=range")
        try:
            _ = self.range
        except RangeError as error:
            raise ViewError(str(error)) from error
        if self._compared() is None:
            offered = ", ".join(known.name for known in self.shown.comparisons)
            raise ViewError(f"span={self.span} can't be compared with compare={self.compare}: choose one of {offered}")
        if self.zone is not None and not is_time_zone(self.zone):
            raise ViewError(f"zone={self.zone} is no time zone: give its IANA name, such as Europe/Berlin")
        if self.product is not None and not -(2**63) <= self.product < 2**63:
            raise ViewError(f"product={self.product} is no product's number: they have 64 bits")

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> Self:
        """The view of an address's parameters; empty and unknown ones count as not given. Raises ViewError."""
        names = {each.name: _ASKED.get(each.name, each.name) for each in fields(cls)}
        given: dict[str, Any] = {field: asked[name] for field, name in names.items() if asked.get(name)}
        if "since" in given:
            given.setdefault("span", RANGE)
        if "product" in given:
            given["product"] = _whole_number("product", given["product"])
        return cls(**given)

    @property
    def query(self) -> str:
        """The parameters of its address."""
        chosen = {name: value for name, value in self.parameters.items() if value is not None}
        return urlencode(chosen)

    @property
    def parameters(self) -> Mapping[str, str | int | None]:
        return {_ASKED.get(each.name, each.name): getattr(self, each.name) for each in fields(self)}

    @property
    def filters(self) -> Mapping[str, str]:
        """What the sales are filtered by: texts by the names of parameters."""
        given = {name: self.parameters[name] for name in FILTERS}
        return {name: str(value) for name, value in given.items() if value is not None}

    def during(self, span: str) -> "View":
        """The same of another span, beside the same time if that span is compared with it."""
        kept = SPANS[span].comparison(self.compare) or SPANS[span].comparisons[0]
        return replace(self, span=span, compare=kept.name, since=None, until=None)

    def between(self, since: str, until: str) -> "View":
        """The same of a free range. Raises ViewError."""
        try:
            offered = [known.name for known in read_range(since, until).span.comparisons]
        except RangeError as error:
            raise ViewError(str(error)) from error
        compare = self.compare if self.compare in offered else offered[0]
        return replace(self, span=RANGE, compare=compare, since=since, until=until)

    def only(self, name: str, value: str | None) -> "View":
        """The same with one filter more, or with another value of it; None takes it away."""
        chosen: Any = _whole_number(name, value) if value and name == "product" else value
        return replace(self, **{name: chosen})

    def at_home(self) -> "View":
        """The same in the shop's zone."""
        return replace(self, zone=None)

    def at(self, zone: str) -> "View":
        """The same in a shop's zone, if it has none of its own."""
        return self if self.zone else replace(self, zone=zone)

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone or "UTC")

    @property
    def shown(self) -> Span:
        return SPANS[self.span] if self.range is None else self.range.span

    @property
    def range(self) -> FreeRange | None:
        return read_range(self.since, self.until) if self.since and self.until else None

    @property
    def comparison(self) -> Comparison:
        return self._compared() or self.shown.comparisons[0]

    def _compared(self) -> Comparison | None:
        return self.shown.comparison(self.compare)


def _whole_number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ViewError(f"{name}={text} is no whole number") from None
