"""Stories of a lake: what is done before, what is done once, and what everybody can see of the lake afterwards.

Add here: a story, or a part of the state. Not here: what fails in it (`test_every_call`, `test_every_request`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from assets.archive.month_files import find_month
from assets.archive.month_loader import load_month
from assets.customers.customer_value import refresh_customer_value
from assets.events.contract import EVENT
from assets.gold.gold import rebuild_gold
from assets.gold.restatements import record_restatements
from assets.progress.batches import batch_of
from assets.progress.rebuild_marks import finishing, unfinished_days
from assets.silver.silver import rebuild_silver
from assets.stream.micro_batch import micro_batches, open_stream
from assets.tables import BRONZE_EVENTS, DAILY, PRODUCT_SALES, REFINED, SILVER_EVENTS, TABLES
from assets.upkeep.forget_user import forget
from assets.upkeep.repair import repair
from assets.visitors.cohort_retention import refresh_cohorts
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake
from tests.assets.visitors.visits import follow
from tests.faults.feed import DAYS, Event, Feed
from tests.lakes import in_order
from tests.resources.mock_kafka import MockTopicReader

LONG_AGO, NOW, OCTOBER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), date(2019, 10, 1)
USER = 7


@dataclass(frozen=True)
class World:
    """A folder with a lake and files, and the topic that the lake reads."""

    folder: Path
    connection: KafkaConnection
    feed: Feed
    root: str = ""
    """Where the lake is, unless it is in the folder."""

    @property
    def lake(self) -> Lake:
        return Lake(self.root or str(self.folder / "lake"))

    def reader(self) -> MockTopicReader:
        return MockTopicReader(self.connection, self.feed.topic)

    def run(self, now: datetime = NOW) -> None:
        for _ in micro_batches(open_stream(self.lake), self.reader(), lambda: now, 10_000, 45):
            pass

    def read(self, batches: int) -> None:
        for _ in range(batches):
            self.feed.publish()
            self.run(LONG_AGO)

    def load_month(self, now: datetime) -> None:
        load_month(self.lake, find_month(self.folder, OCTOBER), now, 45)

    def put_month(self, some: slice) -> None:
        """A month's file with every second event of the topic, of which these lines are as they should be."""
        told = [stored.told for stored in self.feed.log if isinstance(stored.told, dict)]
        lines = [{name: event[name] for name in EVENT} for event in october(told)[::2]]
        bad = [{**line, "price": "1.999"} for line in lines[some]]
        pl.DataFrame([*lines, *bad, *lines[:3]]).write_csv(self.folder / "2019-Oct.csv")

    def follow(self) -> None:
        """Bring all tables that follow on a cadence of their own to the stream."""
        refresh_customer_value(self.lake)
        follow(self.lake)
        refresh_cohorts(self.lake)
        record_restatements(self.lake, LONG_AGO)


def october(told: list[Event]) -> list[Event]:
    return [event for event in told if event["event_time"].startswith("2019-10")]


Deed = Callable[[World], object]


def read_one_batch(world: World) -> None:
    world.read(batches=2)


def publish_another(world: World) -> None:
    read_one_batch(world)
    world.feed.publish()


def load_a_month_first(world: World) -> None:
    world.read(batches=1)
    world.put_month(slice(0, 2))
    world.load_month(LONG_AGO)
    world.put_month(slice(3, 5))
    record_restatements(world.lake, LONG_AGO)


def lose_rows_of_days(world: World) -> None:
    """As after another program has deleted rows."""
    read_one_batch(world)
    silver = world.lake.table(SILVER_EVENTS)
    held = silver.read()
    silver.replace(held.filter(pl.col("offset") % 3 != 0), None, {})


def rebuild(world: World) -> None:
    days = [date.fromisoformat(day) for day in DAYS]
    with finishing(world.lake, days, rebuilds=1):
        rebuild_silver(world.lake, days)
        rebuild_gold(world.lake, DAILY, days, 45)


def know_a_user(world: World) -> None:
    load_a_month_first(world)
    world.follow()


def cut_the_power(world: World) -> None:
    """The last commit of a table is empty, and so is a data file of three others."""
    world.read(batches=3)
    world.follow()
    lake = world.lake
    for layout in (BRONZE_EVENTS, SILVER_EVENTS, DAILY[2]):
        place = min(lake.table(layout).file_uris(), key=lambda uri: (Path(uri).stat().st_size, uri))
        Path(place).write_bytes(b"")
    log = Path(lake.uri(PRODUCT_SALES)) / "_delta_log"
    max(log.glob("*.json")).write_bytes(b"")


def repair_and_run(world: World) -> None:
    list(repair(world.lake, 45, world.reader))
    world.run()


def files_of_no_version(lake: Lake) -> list[str]:
    """In what a forgotten user could still be found."""
    named = {Path(uri).name for layout in TABLES.values() for uri in lake.table(layout).file_uris()}
    files = (path for path in Path(lake.root).rglob("part-*.parquet") if "_scratch" not in path.parts)
    return sorted(path.name for path in files if path.name not in named)


@dataclass(frozen=True)
class Story:
    """What is done once, and what is then done with a fault; the most faults of it that the suite can afford."""

    before: Deed
    deed: Deed
    most: int
    on_disk: Callable[[Lake], object] = lambda lake: None
    """What else must be as without a fault."""


STORIES: Mapping[str, Story] = {
    "a batch": Story(publish_another, World.run, 20),
    "a corrected month": Story(load_a_month_first, lambda world: world.load_month(NOW), 10),
    "a rebuild of days": Story(lose_rows_of_days, rebuild, 14),
    "a forgotten user": Story(know_a_user, lambda world: forget(world.lake, USER, NOW, 45), 6, files_of_no_version),
    "a repair": Story(cut_the_power, repair_and_run, 8),
}


def state(story: Story, lake: Lake) -> dict[str, Any]:
    """What everybody can see: the rows of every table, the last batch of the stream's tables, the unfinished days."""
    tables = {name: lake.table(layout) for name, layout in TABLES.items() if Path(lake.uri(layout)).exists()}
    held = {name: in_order(table.read()) for name, table in tables.items()}
    covered = {f"batch of {layout.name}": batch_of(tables[layout.sql_name]) for layout in (BRONZE_EVENTS, *REFINED)}
    return {**held, **covered, "unfinished days": unfinished_days(lake), "on disk": story.on_disk(lake)}


def differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    return [name for name, held in expected.items() if not _equal(found[name], held)]


def _equal(found: Any, expected: Any) -> bool:
    return bool(found.equals(expected) if isinstance(expected, pl.DataFrame) else found == expected)
