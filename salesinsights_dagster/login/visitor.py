"""A visitor who is known, and the names that may visit.

Add here: what is known of a visitor. Not here: how it becomes known (`gate`, and the module of each way).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Literal, get_args

Role = Literal["reader", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
SCOPE = "salesinsights.visitor"
"""Where the gate puts the visitor into a request's scope."""


@dataclass(frozen=True)
class Visitor:
    """Somebody who may look until then. `can_log_out`: a proxy's visitors leave at the proxy."""

    name: str
    role: Role
    until: datetime
    can_log_out: bool = True


@dataclass(frozen=True)
class Names:
    """Who is an admin and who a reader, where a proxy or a provider knows the people. `*` stands for any text."""

    admins: Sequence[str]
    readers: Sequence[str]

    def role_of(self, name: str) -> Role | None:
        """None for a name that may not look. Capitals do not matter."""
        for role, names in (("admin", self.admins), ("reader", self.readers)):
            if any(fnmatchcase(name.lower(), known.lower()) for known in names):
                return "admin" if role == "admin" else "reader"
        return None
