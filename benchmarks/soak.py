"""An hour of a shop under faults: what each one costs, who is told, and that nothing is lost or counted twice.

`salesinsights dev` and the dashboard run as under a service manager: a command that ends is started again.
Add here: what is measured. Not here: the faults themselves (`soak_faults`).
"""

import itertools
import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click

from assets.tables.topics import events_topic
from benchmarks.latency import Observer
from benchmarks.soak_faults import Kept, Target, faults, small_disk
from benchmarks.system import COMMAND, System, bare_environment, prove_live, unread
from benchmarks.topic_sales import differences
from resources.beside import beside
from resources.kafka_topics import ensure_topic
from resources.lake import Lake
from salesinsights_dagster.broker import LocalBroker, find_kafka
from salesinsights_dagster.demo import free_port
from salesinsights_dagster.settings import load_settings

RATE = 300
EVERY = 120.0
"""Seconds from one fault to the next."""

DISK_MB = 6_000
MONTH = "2019-11"
DAY_FILE_EVENTS = 100_000
MOST_SETTLE_SECONDS = 900.0
_GAP = "longest time without a new batch in gold, s"


class Receiver(ThreadingHTTPServer):
    """A webhook that notes when each text came."""

    def __init__(self) -> None:
        self.texts: list[tuple[datetime, str]] = []
        super().__init__(("127.0.0.1", 0), _Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if isinstance(self.server, Receiver):
            self.server.texts.append((datetime.now(UTC), json.loads(body)["text"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """The log of a benchmark is its table."""


@dataclass(frozen=True)
class Fault:
    """A fault that was done: which one, when it began, and when the next one began."""

    name: str
    begun: datetime
    until: datetime


def run(minutes: int) -> list[dict[str, object]]:
    """A line for each kind of fault, and a last one for the whole. Raises RuntimeError if gold is not what was sold."""
    receiver = Receiver()
    with _system(receiver.url) as (system, target):
        observer = Observer(Lake(system.settings.lake))
        observer.start()
        with _shop(system) as shop:
            done = _afflict(target, shop, minutes)
        settled = _settle(system, target)
        observer.stop()
        lines = list(_lines(done, sorted(observer.seen.values()), receiver.texts))
        for line in lines:
            click.echo(line, err=True)
        prove_live(system)
        messages, different = differences(system)
    if different:
        raise RuntimeError(f"gold differs from the topic in {len(different)} products of a day: {different[:3]}")
    whole = {"fault": f"all, {minutes} minutes", "times": len(done), **_told(receiver.texts)}
    proof = f"{messages:,} messages: equal in gold, to the cent; audit passed"
    proof = f"all read {settled:.0f} s after the end; {proof}"
    return [*lines, {**whole, _GAP: proof}]


@contextmanager
def _system(webhook: str) -> Iterator[tuple[System, Target]]:
    """A home whose lake has a disk of its own; `salesinsights dev` and the dashboard run on it until the end."""
    libs = load_settings({}).broker_home / "libs"
    with _kept_on_failure() as folder, ExitStack() as parts:
        disk = parts.enter_context(small_disk(Path(folder) / "disk", DISK_MB))
        ours = {"SALESINSIGHTS_HOME": folder, "SALESINSIGHTS_LAKE": str(disk / "lake")}
        env = {**bare_environment(), **ours, "SALESINSIGHTS_ALERT_WEBHOOK": webhook}
        settings = load_settings(env)
        broker = LocalBroker(settings.broker_home, libs)
        pid = broker.start().pid or 0
        parts.callback(broker.stop)
        connection = find_kafka(settings)
        ensure_topic(connection, events_topic(settings.topic))
        commands = {"dev": str(free_port(0)), "dashboard": str(free_port(8080))}
        kept = {
            name: Kept([COMMAND, name, "--port", port], env, settings.home / f"{name}.log")
            for name, port in commands.items()
        }
        for one in kept.values():
            parts.callback(one.stop)
        yield System(settings, connection, env, pid), Target(kept["dev"], kept["dashboard"], broker, disk)


@contextmanager
def _kept_on_failure() -> Iterator[str]:
    """A temporary folder. If the soak fails it stays, for its logs; the lake is gone with its disk."""
    folder = tempfile.mkdtemp(prefix="salesinsights-bench-")
    try:
        yield folder
    except BaseException:
        click.echo(f"the logs are in {folder}", err=True)
        raise
    shutil.rmtree(folder)


@contextmanager
def _shop(system: System) -> Iterator[Kept]:
    """Live traffic, and beside it a file of a past day every EVERY seconds."""
    home = system.settings.home
    month = ["--month", MONTH, "--events", str(30 * DAY_FILE_EVENTS), "--out", str(home / "months")]
    subprocess.run([COMMAND, "simulate", *month], env=system.env, check=True)
    (file,) = (home / "months").iterdir()
    live = Kept([COMMAND, "simulate", "--rate", str(RATE)], system.env, home / "simulate.log")
    files = subprocess.Popen([COMMAND, "replay", str(file), "--every", f"{EVERY:.0f}s"], env=system.env)
    try:
        yield live
    finally:
        live.stop()
        files.terminate()
        files.wait(60)


def _afflict(target: Target, shop: Kept, minutes: int) -> list[Fault]:
    """One fault after the other, the first after EVERY seconds."""
    kept, done = (target.dev, target.dashboard, shop), list[Fault]()
    turn = itertools.cycle(faults(target).items())
    _keep_for(EVERY, *kept)
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until:
        name, happen = next(turn)
        begun, over = datetime.now(UTC), beside(happen)
        _keep_for(EVERY, *kept)
        over.result()
        done.append(Fault(name, begun, datetime.now(UTC)))
        used = shutil.disk_usage(target.disk).used // 2**20
        click.echo(f"{begun:%H:%M:%S} {name}; the lake's disk holds {used} MB", err=True)
    return done


def _settle(system: System, target: Target) -> float:
    """Seconds until all is read, with nothing more coming; at most MOST_SETTLE_SECONDS."""
    begun = time.monotonic()
    while unread(system) and time.monotonic() - begun < MOST_SETTLE_SECONDS:
        _keep_for(5, target.dev, target.dashboard)
    return time.monotonic() - begun


def _keep_for(seconds: float, *kept: Kept) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for one in kept:
            one.keep()
        time.sleep(1)


def _lines(
    done: Sequence[Fault], moved: Sequence[datetime], texts: Sequence[tuple[datetime, str]]
) -> Iterator[dict[str, object]]:
    for name in dict.fromkeys(fault.name for fault in done):
        mine = [fault for fault in done if fault.name == name]
        gaps = [_longest_gap(moved, fault) for fault in mine]
        told = [text for text in texts if any(fault.begun <= text[0] < fault.until for fault in mine)]
        yield {"fault": name, "times": len(mine), **_told(told), _GAP: ", ".join(f"{gap:.0f}" for gap in gaps)}


def _longest_gap(moved: Sequence[datetime], fault: Fault) -> float:
    """The longest time without a new batch in gold, from the last one before the fault to the next fault."""
    before = max((at for at in moved if at < fault.begun), default=fault.begun)
    at = [before, *(at for at in moved if fault.begun <= at < fault.until), fault.until]
    return max((later - earlier).total_seconds() for earlier, later in itertools.pairwise(at))


def _told(texts: Sequence[tuple[datetime, str]]) -> dict[str, object]:
    said = Counter(text.split()[1] for _, text in texts)
    return {"alerts sent": said["ALERT"], "alerts ended": said["OK"]}
