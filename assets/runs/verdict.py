"""What a check says.

Add here: what holds for all checks. Not here: one of them (`stream.checks`, `customers.clv_checks`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Figure = str | int | float | None


@dataclass(frozen=True)
class Verdict:
    """Whether a check passed, whether its failure is only a warning, and the figures that it went by."""

    passed: bool
    figures: Mapping[str, Figure] = field(default_factory=dict)
    is_warning: bool = False
