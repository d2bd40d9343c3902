"""What the tables must hold: known from what was published, and from what people asked for, in plain Python.

Add here: what is known of the shop from outside the lake. Not here: what a table makes of it (`tests.faults.oracle`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tests.faults.feed import Stored, Told

USERS = (700_000_000_000_000_001, 700_000_000_000_000_002, 700_000_000_000_000_003)
"""Too long to be in a file by chance: in the name of a data file, say, or a time."""

NOW = "now"
"""The time of an event that happens when it is published."""

OLD_DAYS = ("2019-10-01", "2019-10-02")

START = datetime(2026, 1, 10, 12, tzinfo=UTC)

LEARNT = "bought"
"""An event_type that is refused until the rule changes; then it is a purchase."""


@dataclass(frozen=True)
class Said:
    """What a producer publishes: an event, or one that is refused for `wrong`, a reason."""

    time: str
    kind: str = "purchase"
    product: int = 1
    price: str = "1.00"
    user: int = USERS[0]
    id: str | None = None
    session: str | None = None
    wrong: str | None = None

    def at(self, now: datetime) -> "Said":
        """The same, with a time in place of NOW."""
        return replace(self, time=f"{now:%Y-%m-%d %H:%M:%S} UTC") if self.time == NOW else self

    @property
    def event(self) -> Mapping[str, Any]:
        """The fields, as they are written."""
        fields = {
            "event_time": self.time,
            "event_type": self.kind,
            "product_id": self.product,
            "category_id": None,
            "category_code": None,
            "brand": None,
            "price": self.price,
            "user_id": self.user,
            "user_session": self.session,
            "event_id": self.id,
        }
        wrong = {"bad_price": {"event_type": "view", "price": "1e2"}, "unknown_event_type": {"event_type": "gift"}}
        return {**fields, **wrong.get(self.wrong or "", {})}

    @property
    def value(self) -> bytes:
        """A message."""
        written = json.dumps({name: value for name, value in self.event.items() if value is not None})
        return b"{" if self.wrong == "not_json" else written.encode()

    @property
    def line(self) -> str:
        """A line of a month's file."""
        return ",".join("" if value is None else str(value) for value in list(self.event.values())[:9])

    @property
    def names(self) -> int | None:
        """The user whom it is about."""
        return None if self.wrong == "not_json" else self.user

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.time.replace(" UTC", "+00:00"))


@dataclass(frozen=True)
class Message:
    """A message at its place, or a line of the archive: there the partition is the month, and the offset the line."""

    partition: int
    offset: int
    said: Said
    value: bytes

    @property
    def place(self) -> tuple[int, int]:
        return self.partition, self.offset


@dataclass
class Known:
    """All that is known from outside the lake."""

    committed: list[Message] = field(default_factory=list)
    month: list[Message] = field(default_factory=list)
    forgotten: dict[int, datetime] = field(default_factory=dict)
    lost: set[tuple[int, int]] = field(default_factory=set)
    rule_has_changed: bool = False
    month_was_loaded: bool = False

    def kept(self) -> list[Message]:
        """The messages and lines that bronze must hold."""
        messages = [message for message in self.committed if message.place not in self.lost]
        return [message for message in [*messages, *self.month] if not self._is_forgotten(message.said)]

    def stored(self, batches: Mapping[tuple[int, int], int]) -> list[Stored]:
        """The kept messages with the batch in which each was read."""
        return [
            Stored(batches[message.place], *message.place, message.value, self._told(message.said))
            for message in self.kept()
        ]

    def _is_forgotten(self, said: Said) -> bool:
        moment = self.forgotten.get(said.names or 0)
        return moment is not None and said.moment <= moment

    def _told(self, said: Said) -> Told:
        if said.wrong:
            return said.wrong
        if said.kind == LEARNT:
            return {**said.event, "event_type": "purchase"} if self.rule_has_changed else "unknown_event_type"
        return dict(said.event)
