"""A day of a busy shop, loaded through the product: the wanted number of events between midnight and now.

Add here: how the day is made. Not here: what is measured on it (`day`, `hours`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event

from rich.progress import track

from benchmarks.system import COMMAND, System, run_measured
from salesinsights_dagster.commands.terminal import terminal
from salesinsights_dagster.simulator.live import encode
from salesinsights_dagster.simulator.publisher import Publisher, open_producer
from salesinsights_dagster.simulator.shop import Shop

ROUND = 2_000_000
"""Events published before the product reads them, so that Kafka's time and the product's can be told apart."""
SLICE = timedelta(seconds=20)


@dataclass
class BusyDay:
    """A shop whose events of today are published up to `until`, `rate` a second; and the cost of ingesting them."""

    system: System
    shop: Shop
    rate: float
    until: datetime
    events: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    peak_mb: float = 0.0

    def batch(self, events: int) -> list[bytes]:
        """The shop's next `events` events, as messages not published yet."""
        seconds = events / self.rate
        _, values = encode(self.shop.live(self.until, seconds, self.rate))
        self.until += timedelta(seconds=seconds)
        return values

    def figures(self) -> dict[str, object]:
        """The cost of loading the day."""
        return {
            "events on the day": self.events,
            "ingest, events/s": round(self.events / self.wall) if self.wall else None,
            "ingest, CPU s": round(self.cpu),
            "ingest, peak MB": round(self.peak_mb),
        }


def load_day(system: System, events: int, left: timedelta) -> BusyDay:
    """Today from midnight (UTC) to `left` ago, with `events` events. Raises ValueError too soon after midnight."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    end = now - left
    if end - midnight < timedelta(hours=1):
        raise ValueError("the day is too young: run this benchmark an hour after midnight UTC or later")
    day = BusyDay(system, Shop(seed=1), events / (end - midnight).total_seconds(), midnight)
    for _ in track(range(-(-events // ROUND)), "loading a busy day", console=terminal()):
        _publish(day, min(end, day.until + timedelta(seconds=ROUND / day.rate)))
        used = run_measured([COMMAND, "ingest", "--json"], system.env)
        day.events += used.json()["messages"]
        day.wall, day.cpu, day.peak_mb = day.wall + used.wall, day.cpu + used.cpu, max(day.peak_mb, used.peak_mb)
    return day


def _publish(day: BusyDay, until: datetime) -> None:
    publish = Publisher(open_producer(day.system.connection), day.system.settings.topic, Event())
    while day.until < until:
        some = min(SLICE, until - day.until)
        publish(*encode(day.shop.live(day.until, some.total_seconds(), day.rate)))
        day.until += some
    publish.close()
