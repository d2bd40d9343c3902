"""Random histories of a shop's lake, and a ledger of restatements kept beside it by comparing all of gold.

Add here: something that changes gold. Not here: what the product's own ledger should then hold.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st

from assets.archive.month_files import find_month
from assets.archive.month_loader import load_month
from assets.events import message_parser
from assets.events.contract import EVENT_TYPES
from assets.gold.gold import rebuild_gold
from assets.gold.restatements import GRACE, record_restatements
from assets.progress.batches import batch_of
from assets.progress.rebuild_marks import finishing
from assets.silver.silver import rebuild_silver
from assets.stream.quarantine_replay import replay
from assets.stream.stream_assets import Stream
from assets.tables import DAILY, PRODUCT_SALES, RESTATEMENTS, SILVER_QUARANTINE
from assets.upkeep import forget_user, lake_files
from resources.lake import Lake
from tests.assets.archive.month_lines import HEADER, OCTOBER, put
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka, MockTopicReader

DEEDS = 8
"""The most deeds of a history, at most MINUTES apart: a shorter time than after which a writer looks by itself."""

MINUTES = 6

START = datetime(2026, 1, 10, 12, tzinfo=UTC)
OLD_DAYS = [date(2019, 10, day) for day in (1, 2, 3)]
NEW_DAYS = [START.date() - timedelta(days=1), START.date()]

Row = tuple[Any, ...]
Sales = dict[Row, tuple[int, Decimal, Decimal]]


@dataclass
class Ledger:
    """What the ledger of restatements must hold: `look` compares all rows of gold with those of the last look."""

    rows: list[Row] = field(default_factory=list)
    seen: Sales | None = None
    batch: int = 0
    closed: datetime = START
    published: set[date] = field(default_factory=set)

    def look(self, lake: Lake, now: datetime) -> None:
        sales, batch = sales_of(lake), batch_of(lake.table(PRODUCT_SALES))
        if self.seen is not None:
            differing = {key for key in {*self.seen, *sales} if self.seen.get(key) != sales.get(key)}
            restated = (key for key in differing if key[2] <= self.closed and key[0] in self.published)
            self.rows += [(*key, *self.seen.get(key, NO), *sales.get(key, NO), now) for key in restated]
        if sales != self.seen or batch != self.batch:
            self.closed = now - GRACE
        self.seen, self.batch = sales, batch
        self.published |= {key[0] for key in sales}


NO = (None, None, None)


def sales_of(lake: Lake) -> Sales:
    """The measures by event_date, window_start, window_end and product."""
    names = ["event_date", "window_start", "window_end", "product_id", "units", "revenue", "refunds"]
    return {row[:4]: row[4:] for row in lake.table(PRODUCT_SALES).read(columns=names).iter_rows()}


def ledger_of(lake: Lake) -> list[Row]:
    """What the product's ledger holds."""
    names = [name for name in RESTATEMENTS.schema if name != "reason"]
    return lake.table(RESTATEMENTS).read(columns=names).rows()


@dataclass
class Shop:
    """A lake, its topic, a clock that the history moves, and the ledger beside it."""

    folder: Path
    kafka: MockKafka
    topic: str
    now: datetime = START
    ledger: Ledger = field(default_factory=Ledger)
    accepted: Mapping[str, str] = field(default_factory=lambda: EVENT_TYPES)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.lake = Lake(str(self.folder / "lake"))

    def do(self, deed: "Deed", minutes: int) -> None:
        """Let the time pass, and do the deed. Of all tables only gold's windows are purged, to be quick."""
        self.now += timedelta(minutes=minutes)
        sales = {PRODUCT_SALES.sql_name: PRODUCT_SALES}
        with (
            patch.object(message_parser, "EVENT_TYPES", self.accepted),
            patch.object(forget_user, "TABLES", sales),
            patch.object(lake_files, "TABLES", sales),
        ):
            deed(self)

    def look(self) -> None:
        record_restatements(self.lake, self.now)
        self.ledger.look(self.lake, self.now)

    def publish(self, events: Iterable[dict[str, Any]]) -> None:
        self.kafka.publish(self.topic, [event(**one) for one in events])
        reader = MockTopicReader(self.kafka.connection, self.topic)
        run(self.lake, Stream(lambda: reader, lambda: self.now, batch_rows=1_000, window_seconds=45))

    def load(self, events: Iterable[dict[str, Any]]) -> None:
        """Put October's file in the place of the last one; it may have no line."""
        put(self.folder, [line(one) for one in events])
        load_month(self.lake, find_month(self.folder, OCTOBER), self.now, 45)

    def forget(self, user: int) -> None:
        self.ledger.look(self.lake, self.now)
        forget_user.forget(self.lake, user, self.now, 45)
        self.ledger.look(self.lake, self.now)

    def rebuild(self, days: list[date], *, is_cut_short: bool) -> None:
        """Rebuild these days; after a cut, a later batch brings them to gold."""
        if is_cut_short:
            rebuild_silver(self.lake, days)
            return
        with finishing(self.lake, days, rebuilds=1):
            rebuild_silver(self.lake, days)
            rebuild_gold(self.lake, DAILY, days, 45)

    def replay(self) -> None:
        """From now on the contract accepts `bought`; what was refused for it is won back."""
        self.accepted = {**EVENT_TYPES, "bought": "purchase"}
        with patch.object(message_parser, "EVENT_TYPES", self.accepted):
            replay(self.lake, self.lake.table(SILVER_QUARANTINE).days, 45)

    def keep_up(self) -> None:
        list(lake_files.keep_up(self.lake, self.now))
        self.ledger.look(self.lake, self.now)


Deed = Callable[[Shop], None]


def line(one: Mapping[str, Any]) -> str:
    """The event as a line of a month's file."""
    return ",".join(str({"category_id": 1, **one}.get(name, "")) for name in HEADER.split(","))


def sold(days: list[date]) -> st.SearchStrategy[dict[str, Any]]:
    """A purchase, a refund, a view, or a `bought` that the contract learns to accept only later."""
    times = st.tuples(st.sampled_from(days), st.sampled_from([0, 11, 12]), st.sampled_from([0, 1]))
    return st.fixed_dictionaries(
        {
            "event_time": times.map(lambda time: "{} {:02}:{:02}:10 UTC".format(*time)),
            "event_type": st.sampled_from(["purchase", "purchase", "purchase", "view", "bought"]),
            "product_id": st.integers(1, 2),
            "price": st.sampled_from(["1.00", "2.50", "-1.00"]),
            "user_id": st.integers(1, 3),
            "user_session": st.just("s"),
        }
    )


def deeds() -> st.SearchStrategy[Deed]:
    """What may happen to a lake."""
    days = OLD_DAYS + NEW_DAYS
    some_days = st.lists(st.sampled_from(days), min_size=1, unique=True)
    batches = st.lists(sold(days), max_size=4).map(lambda some: lambda shop: shop.publish(some))
    months = st.lists(sold(OLD_DAYS), max_size=5).map(lambda some: lambda shop: shop.load(some))
    users = st.integers(1, 3).map(lambda user: lambda shop: shop.forget(user))
    rebuilds = st.tuples(some_days, st.booleans()).map(
        lambda how: lambda shop: shop.rebuild(how[0], is_cut_short=how[1])
    )
    others: st.SearchStrategy[Deed] = st.sampled_from([Shop.look, Shop.replay, Shop.keep_up])
    return st.one_of(batches, batches, months, users, rebuilds, others)


def histories() -> st.SearchStrategy[list[tuple[Deed, int]]]:
    """Deeds, each with the minutes before it: something is sold, and looked at, before the rest."""
    first = st.lists(sold(OLD_DAYS + NEW_DAYS), min_size=4, max_size=8).map(
        lambda some: lambda shop: shop.publish(some)
    )
    later = st.lists(st.tuples(deeds(), st.integers(0, MINUTES)), min_size=3, max_size=DEEDS)
    return st.tuples(first, later).map(lambda both: [(both[0], 0), (Shop.look, 1), *both[1], (Shop.look, 1)])
