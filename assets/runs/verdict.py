"""The result of a check.

Add here: what all checks share. Not here: a check (`stream.checks`, `customers.clv_checks`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Figure = str | int | float | None


@dataclass(frozen=True)
class Verdict:
    """Whether a check passed, its figures, and whether a failure is only a warning."""

    passed: bool
    figures: Mapping[str, Figure] = field(default_factory=dict)
    is_warning: bool = False
