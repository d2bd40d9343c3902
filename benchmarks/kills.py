"""Processes of a shop killed at random moments, on a real broker: what each kill costs, and that nothing is lost.

Messages come all the time. A process does one deed, in which SIGKILL ends it; then a pass of the stream catches up.
After each tenth kill what was cut short is done again, and every table is compared with what was published.
Add here: what is killed, and when. Not here: what a deed does (`tests.model.deeds`), what must hold (`judgement`).
"""

import os
import pickle
import random
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import mean

import click
from confluent_kafka import KafkaError, Message, Producer

from assets.stream.live_stream import LiveStream
from assets.stream.micro_batch import open_stream
from assets.tables.topics import events_topic
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader
from resources.kafka_topics import ensure_topic
from salesinsights_dagster.broker import LocalBroker
from salesinsights_dagster.settings import load_settings
from tests.faults.standby import Standby
from tests.model import known
from tests.model.deeds import Deed, Forget, Load, Rebuild, Repair, Run
from tests.model.judgement import assert_all_is_right
from tests.model.known import NOW, OLD_DAYS, Said
from tests.model.shop import TOPIC, WINDOW, Shop, empty_lake
from tests.model.topic import Topic

CHECKED_EACH = 10
"""Kills from one comparison to the next."""

USERS = range(700_000_000_000_000_001, 700_000_000_000_000_401)
AT_ONCE, EVERY = 20, 0.25
"""Messages, and the seconds until the next ones come."""

RATE = AT_ONCE / EVERY
STAYS = 8.0
"""Seconds. Within them a run that stays is killed."""

LINES = 2_000
"""Of a month's file."""


@dataclass(frozen=True)
class Stay(Deed):
    """A run that stays, until it is killed."""

    def do(self, shop: Shop) -> None:
        live = LiveStream(open_stream(shop.lake), shop.open_reader(), shop.clock, 1_000, WINDOW)
        list(live.backlog())
        with live.at_the_end():
            while True:
                live.step()


class BrokerTopic(Topic):
    """The topic, as the broker tells of it."""

    def __init__(self, reader: KafkaReader) -> None:
        self._reader = reader
        super().__init__(TOPIC, len(reader.state().end))

    def start(self, partition: int) -> int:
        return self._reader.state().start[partition]

    def ends(self) -> Mapping[int, int]:
        return self._reader.state().end


class BrokerShop(Shop):
    """A shop whose topic is in a broker, and whose time is the world's."""

    def __init__(self, folder: Path, servers: str) -> None:
        self.connection = KafkaConnection(servers)
        super().__init__(folder, BrokerTopic(self.open_reader()))
        self.now = datetime.now(UTC)

    def clock(self) -> datetime:
        return datetime.now(UTC)

    def open_reader(self) -> KafkaReader:
        return KafkaReader(self.connection, TOPIC)


def do(folder: str, servers: str, deed: str) -> None:
    """What a process does that is going to be killed, however long it takes."""
    signal.alarm(0)
    # With one thread, as `Standby` sets it, Delta Lake could not read rows while it writes them.
    os.environ["TOKIO_WORKER_THREADS"] = "8"
    shop = BrokerShop(Path(folder), servers)
    todo, shop.now = pickle.loads(bytes.fromhex(deed))  # noqa: S301  # written below
    todo.do(shop)


class Customers(threading.Thread):
    """Publish new events, copies and refused ones, and note what the broker has acknowledged."""

    def __init__(self, shop: BrokerShop, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self._shop, self._chance, self._over = shop, chance, threading.Event()
        self._producer = Producer(shop.connection.options(linger_ms=0))
        self._old = list[Said]()
        self.quiet = threading.Lock()

    def run(self) -> None:
        while not self._over.wait(EVERY):
            with self.quiet:
                self.publish(AT_ONCE)

    def stop(self) -> None:
        self._over.set()
        self.join()

    def publish(self, messages: int) -> None:
        # Who is forgotten stays away: then no file may have a trace of them.
        gone = self._shop.known.forgotten
        there = [user for user in USERS if user not in gone]
        fresh = [said(self._chance, (*OLD_DAYS, NOW, NOW), there).at(datetime.now(UTC)) for _ in range(messages)]
        self._old = [one for one in [*self._old, *fresh] if one.user not in gone][-1_000:]
        copies = self._chance.choices(self._old, k=messages // 5)
        others = [replace(one, price="77.77") for one in copies if one.id]
        for one in [*fresh, *copies, *others]:
            self._send(one)
        assert self._producer.flush(60) == 0, "the broker took no message"

    def _send(self, one: Said) -> None:
        def noted(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            place = int(message.partition() or 0), int(message.offset() or 0)
            self._shop.known.committed.append(known.Message(*place, one, one.value))

        # What can't be read is its key's user's, if the key names one, and would be forgotten with that user.
        self._producer.produce(TOPIC, one.value, str(one.names or "shop").encode(), on_delivery=noted)


def said(chance: random.Random, days: Sequence[str], users: Sequence[int] = USERS) -> Said:
    """Any event of these days and users."""
    day = chance.choice(days)
    return Said(
        NOW if day == NOW else f"{day} {chance.randrange(24):02}:{chance.randrange(60):02}:10 UTC",
        chance.choice(["purchase", "view", "view", "cart"]),
        chance.randint(1, 50),
        f"{chance.randint(-200, 5_000) / 100:.2f}",
        chance.choice(users),
        chance.choice([None, None, f"e{chance.randrange(10**9)}"]),
        chance.choice([None, "s1", "s2"]),
        chance.choices([None, "not_json", "bad_price"], [20, 1, 1])[0],
    )


def deeds(chance: random.Random) -> Iterator[tuple[str, Deed]]:
    """One deed of each kind, again and again, in a random order."""
    users = iter(chance.sample(USERS, len(USERS)))
    days = [*map(date.fromisoformat, OLD_DAYS), datetime.now(UTC).date()]
    while True:
        lines = tuple(replace(said(chance, OLD_DAYS), id=None) for _ in range(LINES))
        readable = tuple(replace(one, wrong=None) if one.wrong == "not_json" else one for one in lines)
        kinds: list[tuple[str, Deed]] = [
            ("run that stays", Stay()),
            ("ingest", Run()),
            ("load of a month", Load(readable)),
            ("rebuild of days", Rebuild(tuple(chance.sample(days, 2)))),
            ("forget", Forget(next(users))),
            ("repair", Repair()),
        ]
        yield from chance.sample(kinds, len(kinds))


@dataclass
class Kill:
    """How long the process had worked, and how long it took until gold had all again, in seconds."""

    what: str
    worked: float
    until_whole: float


def run(minutes: int) -> list[dict[str, object]]:
    """Kill for so many minutes. A line for each kind of process, and a last one for all.

    Raises AssertionError if a table differs.
    """
    seed = random.randrange(10**6)
    click.echo(f"seed {seed}", err=True)
    chance, done, checks, lasts = random.Random(seed), list[Kill](), 0, {"run that stays": STAYS}
    end = time.monotonic() + 60 * minutes
    with _shop() as shop, _customers(shop, chance) as customers, _standby() as standby:
        for name, deed in deeds(chance):
            kill = _killed(shop, standby, name, deed, chance.random(), lasts)
            if kill is None:
                continue
            done.append(kill)
            is_last = time.monotonic() > end
            if len(done) % CHECKED_EACH == 0 or is_last:
                with customers.quiet:
                    shop.now = datetime.now(UTC)
                    assert_all_is_right(shop)
                checks += 1
                click.echo(f"{len(done)} kills, {len(shop.known.committed):,} messages: all is right", err=True)
            if is_last:
                break
        messages = len(shop.known.committed)
    names = dict.fromkeys(kill.what for kill in done)
    lines = [_line(name, [kill for kill in done if kill.what == name]) for name in names]
    whole = {"compared": f"{checks} times, all tables with {messages:,} messages", "differences": 0}
    return [{**line, "compared": "", "differences": ""} for line in lines] + [{**_line("all", done), **whole}]


def _killed(
    shop: BrokerShop, standby: Standby, name: str, deed: Deed, share: float, lasts: dict[str, float]
) -> Kill | None:
    """Do it in a process that is killed after this share of the time that the last one took, which `lasts` holds.

    None if it was done before, and the first time.
    """
    shop.now = datetime.now(UTC)
    deed.begin(shop)
    order = pickle.dumps((deed, shop.now)).hex()
    seconds = share * lasts[name] if name in lasts else None
    begun = time.monotonic()
    ended = standby.run(do, str(shop.folder), shop.connection.bootstrap_servers, order, kill_after=seconds)
    worked = time.monotonic() - begun
    if ended.exit_code == 0:
        click.echo(f"{name}: done after {worked:.1f} s", err=True)
        lasts[name] = worked
        return None
    assert ended.exit_code == -9, ended.said
    if deed.is_done_again:
        shop.unfinished[deed] = None
    begun = time.monotonic()
    Run().do(shop)
    click.echo(f"{name}: killed after {worked:.1f} s, whole again {time.monotonic() - begun:.1f} s later", err=True)
    return Kill(name, worked, time.monotonic() - begun)


def _line(name: str, kills: list[Kill]) -> dict[str, object]:
    return {
        "killed": name,
        "kills": len(kills),
        "after, s": f"{min(kill.worked for kill in kills):.1f} to {max(kill.worked for kill in kills):.1f}",
        "until gold has all again, s": f"{mean(kill.until_whole for kill in kills):.1f}",
        "at most, s": f"{max(kill.until_whole for kill in kills):.1f}",
    }


@contextmanager
def _shop() -> Iterator[BrokerShop]:
    libs = load_settings({}).broker_home / "libs"
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-") as folder:
        broker = LocalBroker(Path(folder) / "broker", libs)
        servers = broker.start(wait_seconds=300).bootstrap_servers or ""
        try:
            ensure_topic(KafkaConnection(servers), events_topic(TOPIC))
            empty_lake(Path(folder) / "lake")
            yield BrokerShop(Path(folder), servers)
        finally:
            broker.stop()


@contextmanager
def _customers(shop: BrokerShop, chance: random.Random) -> Iterator[Customers]:
    customers = Customers(shop, random.Random(chance.random()))
    customers.start()
    try:
        yield customers
    finally:
        customers.stop()


@contextmanager
def _standby() -> Iterator[Standby]:
    standby = Standby()
    try:
        yield standby
    finally:
        standby.close()
