"""How alarms become news: each is told once when it holds, and once when it is over.

An alarm that flaps is told late, and its end too: `Patience` says how late. What the sensor remembers (`Memory`) is its
cursor. Add here: how news are made of alarms. Not here: an alarm, or what is looked at (`alert_sensor`).
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from assets.stream.alarms import Alarms
from resources.webhook import WebhookError, post_text

ALERTS = "alerts"
"""The name of the sensor that tells."""


@dataclass(frozen=True)
class Pager:
    """Who is told besides the log: `send` takes one line of text and raises WebhookError; None for nobody."""

    send: Callable[[str], None] | None = None

    @classmethod
    def to(cls, webhook: str | None) -> "Pager":
        """To this address; None for nobody."""
        return cls(partial(post_text, webhook) if webhook else None)


@dataclass(frozen=True)
class Notice:
    """What to say about an alarm: that it is on (`fault` says what is wrong), or that it is over (None)."""

    name: str
    fault: str | None

    @property
    def text(self) -> str:
        return f"SalesInsights ALERT {self.name}: {self.fault}" if self.fault else f"SalesInsights OK {self.name}"


@dataclass(frozen=True)
class Patience:
    """An alarm is told once it has held for `before`, by at least so many `results`; its end once it is over for
    `after`. A moment of the contrary starts the wait again."""

    before: timedelta = timedelta()
    after: timedelta = timedelta()
    results: int = 1


@dataclass(frozen=True)
class Turn:
    """An alarm on its way to the contrary of what was told: since when, by how many results, the last of them at."""

    since: datetime
    results: int = 0
    last: float = 0.0


@dataclass(frozen=True)
class Memory:
    """What was told and still holds, with its fault; and what is on its way."""

    told: Mapping[str, str] = field(default_factory=dict)
    turns: Mapping[str, Turn] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str | None) -> "Memory":
        """What `text` holds. Anything but a memory's own text is an empty memory: then all that holds is told again."""
        try:
            found = json.loads(text or "")
            told = {str(name): str(fault) for name, fault in found["told"].items()}
            turns = {
                str(name): Turn(datetime.fromisoformat(since), int(results), float(last))
                for name, (since, results, last) in found["turns"].items()
            }
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            return cls()
        return cls(told, {name: turn for name, turn in turns.items() if turn.since.tzinfo})

    @classmethod
    def after(cls, told: Mapping[str, str], alarms: Alarms, turns: Mapping[str, Turn]) -> "Memory":
        """What to remember after telling: what is told now, and the turns of what is left to tell.

        What could not be delivered keeps its turn, so that it does not have to wait again.
        """
        left = {notice.name for notice in notices(told, alarms)}
        return cls(told, {name: turn for name, turn in turns.items() if name in left})

    @property
    def text(self) -> str:
        turns = {name: (turn.since.isoformat(), turn.results, turn.last) for name, turn in self.turns.items()}
        return json.dumps({"told": dict(self.told), "turns": turns})


def notices(told: Mapping[str, str], alarms: Alarms) -> list[Notice]:
    """What is new: alarms not told yet, and told ones that are over. An alarm that is not judged stays as it is."""
    return [Notice(name, fault) for name, fault in alarms.items() if (fault is not None) != (name in told)]


def settled(
    alarms: Alarms,
    memory: Memory,
    now: datetime,
    patience: Callable[[str], Patience],
    results: Mapping[str, float],
) -> tuple[Alarms, Mapping[str, Turn]]:
    """The alarms that need no more patience, and the turns of all that differs from what was told.

    `results` has the time of the newest result, for alarms that depend on results: the same one does not count twice.
    """
    ripe, turns = dict(alarms), dict[str, Turn]()
    for notice in notices(memory.told, alarms):
        before = memory.turns.get(notice.name, Turn(now))
        turns[notice.name] = turn = _turned(before, results.get(notice.name, now.timestamp()))
        wanted = patience(notice.name)
        wait = wanted.after if notice.fault is None else wanted.before
        counts = notice.fault is None or turn.results >= wanted.results
        if now - turn.since < wait or not counts:
            del ripe[notice.name]
    return ripe, turns


def _turned(turn: Turn, newest: float) -> Turn:
    return turn if newest <= turn.last else Turn(turn.since, turn.results + 1, newest)


def tell(pager: Pager, news: list[Notice], told: Mapping[str, str], say: Callable[[str], None]) -> dict[str, str]:
    """Tell the news; return what is told now. What can't be delivered counts as not told."""
    known = dict(told)
    for notice in news:
        say(notice.text)
        try:
            if pager.send is not None:
                pager.send(notice.text)
        except WebhookError as error:
            say(f"not delivered, the next tick tries again: {error}")
            continue
        if notice.fault is None:
            known.pop(notice.name, None)
        else:
            known[notice.name] = notice.fault
    return known


def undelivered(news: Collection[Notice], told: Mapping[str, str]) -> list[Notice]:
    """Those of the news that are not in what is `told` after them."""
    return [notice for notice in news if (notice.fault is not None) != (notice.name in told)]


def spoken(alarms: Alarms, memory: Memory, left: Collection[Notice]) -> str:
    """What holds now, or is over, whether or not that was told; what can't be judged; and what was not delivered."""
    said = [f"{name}: {fault}{_waits(memory, name)}" for name, fault in alarms.items() if fault is not None]
    said += [f"{name}: over{_waits(memory, name)}" for name in memory.turns if alarms.get(name, "") is None]
    said += [f"{name}: {fault} (can't be judged now)" for name, fault in memory.told.items() if name not in alarms]
    said += [f"{notice.name} was not delivered: the log says why, the next tick tries again" for notice in left]
    return "; ".join(said) or "all is well"


def _waits(memory: Memory, name: str) -> str:
    turn = memory.turns.get(name)
    return f" (since {turn.since:%H:%M:%S} UTC, not told yet)" if turn else ""
