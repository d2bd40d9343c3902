"""The rules of segments, from a file that a shop can edit: who is active, cut points, names, suggested actions.

Add here: what such a file may say. Not here: how customers are sorted by it (`segments`), or where it is (settings).
"""

import hashlib
import tomllib
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    model_validator,
)

from resources.foreseen_error import ForeseenError

BUILT_IN = Path(__file__).with_name("segments.toml")

BEST = 5
"""The best score; 1 is the worst."""


class SegmentsError(ForeseenError):
    """The file of segments can't be used; the message names the place and the remedy."""


def _rising(cuts: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    if len(cuts) != BEST - 1 or any(first >= second for first, second in pairwise(cuts)):
        raise ValueError(f"is not {BEST - 1} numbers, each greater than the one before")
    return cuts


Cuts = Annotated[tuple[Decimal, ...], AfterValidator(_rising)]
Score = Annotated[StrictInt, Field(ge=1, le=BEST)]
Text = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Scores(_Part):
    """Four cut points each: days since the last purchase, days with a purchase, revenue in the shop's currency."""

    recency: Cuts
    frequency: Cuts
    monetary: Cuts


class Segment(_Part):
    """Customers who are active, or not, and have at least these scores."""

    name: Text
    active: StrictBool
    action: Text
    recency: Score = 1
    frequency: Score = 1
    monetary: Score = 1

    @property
    def takes_all(self) -> bool:
        return self.recency == self.frequency == self.monetary == 1


class SegmentRules(_Part):
    """A customer is in the first segment that fits. `active` is explained in `segments`."""

    active: Annotated[float, Field(gt=0, le=1)]
    scores: Scores
    segments: tuple[Segment, ...]

    @model_validator(mode="after")
    def _everybody_is_in_one(self) -> Self:
        names = [segment.name for segment in self.segments]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two segments are called {twice[0]!r}: give each a name of its own")
        for active, who in ((True, "active"), (False, "not active")):
            takers = [segment.takes_all for segment in self.segments if segment.active is active]
            if not takers or not takers[-1]:
                raise ValueError(
                    f"the last segment of those who are {who} names a score, or there is none: let it take all"
                )
            if any(takers[:-1]):
                raise ValueError(
                    f"a segment of those who are {who} names no score, and others follow: it would take all"
                )
        return self

    @property
    def fingerprint(self) -> int:
        """A hash of the rules: 62 bits, as progress can hold."""
        return int.from_bytes(hashlib.sha256(self.model_dump_json().encode()).digest()[:8]) >> 2

    def definition(self, segment: Segment) -> str:
        """Who is in a segment, in words; whoever fits into an earlier one is in that."""
        parts = ["active" if segment.active else "not active"]
        if segment.recency > 1:
            parts.append(f"bought within the last {self.scores.recency[BEST - segment.recency]} days")
        if segment.frequency > 1:
            parts.append(f"bought on {self.scores.frequency[segment.frequency - 2]} days or more")
        if segment.monetary > 1:
            parts.append(f"revenue of {self.scores.monetary[segment.monetary - 2]} or more")
        return ", ".join(parts)


def read_rules(path: Path) -> SegmentRules:
    """The rules in a file. Raises SegmentsError."""
    try:
        return SegmentRules.model_validate(tomllib.loads(path.read_text(), parse_float=Decimal))
    except OSError as error:
        raise SegmentsError(f"{path} can't be read: {error.strerror}. See docs/customers.md, or remove it") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SegmentsError(f"{path} is not TOML: {error}. {BUILT_IN.name} of this release is an example") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = " ".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
        said = f"{place}: {first['msg']}" if place else first["msg"]
        raise SegmentsError(f"{path}: {said}. See docs/customers.md for an example") from error


@cache
def built_in() -> SegmentRules:
    """The rules of a shop that has none of its own."""
    return read_rules(BUILT_IN)
