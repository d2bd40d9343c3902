"""What people and Dagster do with a lake, one deed each.

A deed that was cut short is done again before the lake is judged, as Dagster or an operator would.
Add here: a deed. Not here: what the lake must hold then (`judgement`).
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from assets.archive.month_files import find_month
from assets.archive.month_loader import load_month
from assets.gold.gold import rebuild_gold
from assets.gold.restatements import record_restatements
from assets.progress.rebuild_marks import finishing
from assets.silver.silver import rebuild_silver
from assets.stream.compaction import compact
from assets.stream.live_stream import LiveStream
from assets.stream.lost_offsets import give_up, losses
from assets.stream.micro_batch import micro_batches, open_stream
from assets.stream.quarantine_replay import replay
from assets.tables import DAILY, SILVER_QUARANTINE
from assets.upkeep.forget_user import forget
from assets.upkeep.lake_files import keep_up
from assets.upkeep.repair import repair
from tests.assets.archive.month_lines import OCTOBER, put
from tests.model.known import Message, Said
from tests.model.shop import WINDOW, Shop

OCTOBERS_LINES = 201910


class Deed:
    """`begin` notes what is known from then on, `do` does it.

    `is_done_again`: nobody else makes it good if it was cut short.
    """

    is_done_again = False

    def begin(self, shop: Shop) -> None:
        """Note what is known from now on."""
        self.note(shop)
        if self.is_done_again:
            shop.done[self] = None

    def note(self, shop: Shop) -> None:
        """Nothing is known by the deed alone."""

    def do(self, shop: Shop) -> object:
        raise NotImplementedError


@dataclass(frozen=True)
class Run(Deed):
    """A run of the stream that reads one backlog."""

    batch_rows: int = 1_000

    def do(self, shop: Shop) -> object:
        return list(micro_batches(open_stream(shop.lake), shop.open_reader(), shop.clock, self.batch_rows, WINDOW))


@dataclass(frozen=True)
class Stay(Deed):
    """A run that stays, for so many steps; between two of them pass six seconds."""

    steps: int
    batch_rows: int = 1_000

    def do(self, shop: Shop) -> None:
        seconds = itertools.count(0, 6)
        elapsed: Callable[[], float] = lambda: float(next(seconds))  # noqa: E731
        tables = open_stream(shop.lake)
        live = LiveStream(
            tables, shop.open_reader(), shop.clock, self.batch_rows, WINDOW, elapsed, lambda seconds: None
        )
        list(live.backlog())
        with live.at_the_end():
            for _ in range(self.steps):
                live.step()
        live.catch_up()


@dataclass(frozen=True)
class Load(Deed):
    """Load October's file, which has these lines, in the place of the last one."""

    lines: tuple[Said, ...]

    is_done_again = True

    def note(self, shop: Shop) -> None:
        texts = [said.line for said in self.lines]
        put(shop.folder, texts)
        shop.known.month_was_loaded = True
        shop.known.month = [
            Message(OCTOBERS_LINES, number, said, text.encode())
            for number, (said, text) in enumerate(zip(self.lines, texts, strict=True), start=2)
        ]
        # Only the last file is there to be loaded again.
        for deeds in (shop.done, shop.unfinished):
            for other in [deed for deed in deeds if isinstance(deed, Load)]:
                del deeds[other]

    def do(self, shop: Shop) -> object:
        return load_month(shop.lake, find_month(shop.folder, OCTOBER), shop.now, WINDOW)


@dataclass(frozen=True)
class Rebuild(Deed):
    """Rebuild these days from bronze."""

    days: tuple[date, ...]

    def do(self, shop: Shop) -> None:
        days = sorted(self.days)
        with finishing(shop.lake, days, rebuilds=1):
            rebuild_silver(shop.lake, days)
            rebuild_gold(shop.lake, DAILY, days, WINDOW)


@dataclass(frozen=True)
class Replay(Deed):
    """From now on the contract accepts what it had to learn; what was refused for it is won back."""

    is_done_again = True

    def note(self, shop: Shop) -> None:
        shop.known.rule_has_changed = True

    def do(self, shop: Shop) -> object:
        return replay(shop.lake, shop.lake.table(SILVER_QUARANTINE).days, WINDOW)


@dataclass(frozen=True)
class Forget(Deed):
    """Forget a user."""

    user: int

    is_done_again = True

    def note(self, shop: Shop) -> None:
        shop.known.forgotten[self.user] = max(shop.now, shop.known.forgotten.get(self.user, shop.now))

    def do(self, shop: Shop) -> None:
        done = forget(shop.lake, self.user, shop.now, WINDOW)
        assert done.left == {}, f"after user {self.user} was forgotten, the lake still has {done.left}"


@dataclass(frozen=True)
class Compact(Deed):
    """Merge the small files, as a run of the stream does at its end."""

    def do(self, shop: Shop) -> object:
        return compact(shop.lake)


@dataclass(frozen=True)
class KeepUp(Deed):
    """Merge closed days, write checkpoints, and delete old files."""

    def do(self, shop: Shop) -> object:
        return list(keep_up(shop.lake, shop.now))


@dataclass(frozen=True)
class Look(Deed):
    """Look for restatements."""

    def do(self, shop: Shop) -> object:
        return record_restatements(shop.lake, shop.now)


@dataclass(frozen=True)
class Repair(Deed):
    """Repair the lake."""

    def do(self, shop: Shop) -> None:
        lost = [found for found in repair(shop.lake, WINDOW, shop.open_reader) if found.kind == "lost"]
        assert lost == [], "a repair lost what could be restored"


@dataclass(frozen=True)
class AcceptLoss(Deed):
    """Give up the offsets that Kafka has deleted before they were read."""

    def do(self, shop: Shop) -> None:
        reader, tables = shop.open_reader(), open_stream(shop.lake)
        lost = losses(tables, reader)
        if lost:
            give_up(tables, reader, lost, shop.clock, WINDOW)
