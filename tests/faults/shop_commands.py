"""A shop whose lake is worked on by commands, and what the lake must hold after them.

Add here: a command, or something that every command must leave right. Not here: which runs beside which.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from assets.customers.clv_model import refit
from assets.customers.customer_value import refresh_customer_value
from assets.customers.options import ClvOptions
from assets.gold.gold import rebuild_gold
from assets.gold.restatements import record_restatements
from assets.progress.rebuild_marks import finishing
from assets.serving.duckdb_file import publish_serving
from assets.silver.silver import rebuild_silver
from assets.stream.compaction import compact
from assets.stream.quarantine_replay import replay
from assets.stream.stream_assets import Stream
from assets.tables import DAILY, SILVER_EVENTS, SILVER_QUARANTINE
from assets.upkeep.audit import audit
from assets.upkeep.forget_user import forget
from assets.upkeep.lake_files import keep_up
from assets.upkeep.proof import differences
from assets.upkeep.repair import repair
from assets.visitors.abandoned_carts import refresh_carts
from assets.visitors.cart_rule import CartRule
from assets.visitors.cohort_retention import refresh_cohorts
from assets.visitors.user_features import make_features
from resources.lake import Lake
from tests.assets.archive.month_lines import HEADER, load, put
from tests.assets.visitors.visits import follow
from tests.conftest import event
from tests.lakes import rows, run, traces
from tests.resources.mock_kafka import MockKafka

USERS, OTHER = range(463240011, 463240019), 571002277
DAYS = (date(2019, 10, 1), date(2019, 10, 2))
NOW = datetime.now(UTC)
FORGOTTEN_AT = NOW + timedelta(days=1)

ARCHIVED, BOUGHT = 900, 800
"""Prices of what comes from the archive, and of what only a later rule lets pass."""


class Shop:
    """A lake under `home`, and a topic. USERS are forgotten one after the other; OTHER stays."""

    def __init__(self, home: Path, stream: Stream, kafka: MockKafka, topic: str) -> None:
        self.home, self.stream, self._kafka, self._topic = home, stream, kafka, topic
        self.prices, self.refused = list[int](), list[bytes]()
        self.forgotten, self.others_forgotten = list[int](), set[int]()
        put(home, [self._line(OTHER), *map(self._line, USERS), f"half {USERS[0]}", "junk"], header=HEADER)

    @property
    def lake(self) -> Lake:
        return Lake(str(self.home / "lake"))

    def _line(self, user: int) -> str:
        return f"{DAYS[0]} 12:00:00 UTC,purchase,1,,,,{ARCHIVED},{user},"

    def publish(self) -> None:
        """One more round: events of all users on both days, some of them twice, and refused ones."""
        price, junk = len(self.prices) + 1, event(user_id=OTHER, price=f"x{len(self.prices)}")
        self.prices.append(price)
        self.refused.append(junk)
        theirs = [event(user_id=user, price=price, event_time=f"{DAYS[0]} 10:00:00 UTC") for user in USERS]
        broken = [event(user_id=user, price="y") for user in USERS[:3]]
        mine = [event(user_id=OTHER, price=price, event_time=f"{day} 11:00:00 UTC") for day in DAYS]
        self._kafka.publish(self._topic, [*theirs, *broken, b"half %d" % USERS[0], *mine, *mine, junk])

    def publish_bought(self) -> None:
        """Events that a later rule lets pass."""
        usual = {"price": BOUGHT, "event_type": "bought", "event_time": f"{DAYS[1]} 12:00:00 UTC"}
        self._kafka.publish(self._topic, [event(user_id=user, **usual) for user in (*USERS, OTHER)])

    def ingest(self) -> None:
        run(self.lake, self.stream)

    def publish_and_ingest(self) -> None:
        self.publish()
        self.ingest()

    def forget(self) -> None:
        """Forget the next user."""
        self.forgotten.append(USERS[len(self.forgotten)])
        forget(self.lake, self.forgotten[-1], FORGOTTEN_AT, 45)

    def rebuild(self) -> None:
        with finishing(self.lake, DAYS, rebuilds=1):
            rebuild_silver(self.lake, list(DAYS))
            rebuild_gold(self.lake, DAILY, DAYS, 45)

    def load_month(self) -> None:
        load(self.lake, self.home)

    def replay(self) -> None:
        replay(self.lake, sorted(set(rows(self.lake, SILVER_QUARANTINE)["arrival_date"])), 45)

    def follow_customers(self) -> None:
        refit(self.lake, ClvOptions(), NOW)
        refresh_customer_value(self.lake)
        follow(self.lake)
        refresh_carts(self.lake, CartRule())
        refresh_cohorts(self.lake)
        make_features(self.lake, DAYS[1])
        record_restatements(self.lake, NOW)

    def keep_up(self) -> None:
        list(keep_up(self.lake, NOW))
        compact(self.lake)

    def repair(self) -> None:
        # In the middle of a forgetting the ledger counts refused rows that are gone already: it may look at them again.
        assert {finding.kind for finding in repair(self.lake, 45, self.stream.open_reader)} <= {"behind"}

    def forget_another(self) -> None:
        """Forget a user that nothing else forgets."""
        self.others_forgotten.add(USERS[-1])
        forget(self.lake, USERS[-1], FORGOTTEN_AT, 45)

    def serve(self) -> None:
        publish_serving(self.lake, self.home / "lake" / "serving.duckdb")

    def audit(self) -> None:
        findings = audit(self.lake).findings
        assert not findings, findings

    def prove(self) -> None:
        for day in DAYS:
            assert differences(self.lake, day, 45).rows() == []

    def look(self) -> None:
        """Audit and prove. What they find in the middle of a forgetting is of that moment."""
        audit(self.lake)
        for day in DAYS:
            differences(self.lake, day, 45)

    def assert_right(self, *more: int) -> None:
        """Each event of OTHER is there once, and those with the prices `more`; the forgotten left no trace."""
        lake, gone = self.lake, {*self.forgotten, *self.others_forgotten}
        held = rows(lake, SILVER_EVENTS).select("user_id", pl.col("price").cast(pl.Int64))
        assert sorted(held.filter(user_id=OTHER)["price"]) == sorted([*self.prices, *self.prices, *more])
        assert set(held["user_id"]) == {OTHER, *USERS} - gone
        refused = rows(lake, SILVER_QUARANTINE)["value"].to_list()
        assert sorted(value for value in refused if value in self.refused) == sorted(self.refused)
        assert (b"junk" in refused) == (ARCHIVED in more)
        assert traces(lake, gone) == []
        self.audit()
        self.prove()


Command = Callable[[Shop], object]
