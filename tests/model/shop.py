"""A shop for a story: its lake, its topic, its clock, and what is known of it.

Add here: what a deed needs. Not here: the deeds (`deeds`), how a call fails (`calls`).
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from assets.events import message_parser
from assets.events.contract import EVENT_TYPES
from assets.stream import compaction
from assets.tables import (
    BRONZE_ARCHIVE_MONTHS,
    CUSTOMER_VALUE,
    CUSTOMER_VALUE_DAYS,
    FORGOTTEN_USERS,
    RESTATEMENTS,
    TABLES,
)
from assets.upkeep import forget_user, lake_files, lost_files, repair, user_search
from resources import kafka_reader
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import Chunk, KafkaReader, TopicState
from resources.lake import Lake
from tests.lakes import ALL
from tests.model.calls import KAFKA, all_called, called
from tests.model.known import START, Known, Message, Said
from tests.model.topic import Record, Topic, TopicConsumer

if TYPE_CHECKING:
    from tests.model.deeds import Deed

WINDOW = 45

TOPIC = "shop.events"

FIRST_PARTITIONS, PARTITIONS = 2, 3

_FILLED_TOO = (BRONZE_ARCHIVE_MONTHS, CUSTOMER_VALUE, CUSTOMER_VALUE_DAYS, FORGOTTEN_USERS, RESTATEMENTS)

TENDED = {table.sql_name: table for table in (*ALL, *_FILLED_TOO)}
"""The tables that upkeep, repair and `forget` go through: those that a story fills."""


class ShopReader(KafkaReader):
    """The real reader, of the story's topic."""

    def __init__(self, topic: Topic) -> None:
        super().__init__(KafkaConnection("nowhere"), TOPIC, timeout=0.3)
        self.shown = topic

    def of(self, topic: str) -> "ShopReader":
        raise LookupError(topic)

    def state(self) -> TopicState:
        def look() -> TopicState:
            partitions = range(self.shown.partitions)
            return TopicState(self.shown.id, {p: self.shown.start(p) for p in partitions}, self.shown.ends())

        state: TopicState = called(KAFKA, look)
        return state

    def _read_chunk(self, *arguments: Any) -> Chunk:
        chunk: Chunk = called(KAFKA, lambda: super(ShopReader, self)._read_chunk(*arguments))
        return chunk


class Shop:
    """A shop in a folder of its own.

    `done` are the deeds that a power cut may undo; `unfinished` those that were cut short, or undone.
    """

    def __init__(self, folder: Path, topic: Topic) -> None:
        self.folder, self.topic = folder, topic
        self.lake = Lake(str(folder / "lake"))
        self.now, self.known = START, Known()
        self.transactions: list[list[tuple[Record, Message]]] = []
        self.unfinished: dict[Deed, None] = {}
        self.done: dict[Deed, None] = {}

    def clock(self) -> datetime:
        return self.now

    def open_reader(self) -> KafkaReader:
        return ShopReader(self.topic)

    @contextmanager
    def open(self) -> Iterator[None]:
        """The world in which the story happens."""
        with ExitStack() as world:
            world.enter_context(all_called())
            for module in (forget_user, lake_files, lost_files, repair, user_search):
                world.enter_context(patch.object(module, "TABLES", TENDED))
            world.enter_context(patch.object(forget_user, "VISITOR_TABLES", ()))
            world.enter_context(patch.object(kafka_reader, "Consumer", lambda options: TopicConsumer(self.topic)))
            world.enter_context(patch.object(compaction, "MOST_SMALL_FILES", 2))
            yield

    @contextmanager
    def ruled(self) -> Iterator[None]:
        """The contract as it is now."""
        learnt = {"bought": "purchase"} if self.known.rule_has_changed else {}
        with patch.object(message_parser, "EVENT_TYPES", {**EVENT_TYPES, **learnt}):
            yield

    def publish(self, messages: Iterable[tuple[Said, int]], *, in_transaction: bool = False) -> None:
        """Append messages, each to a partition, at this moment; in a transaction they are not decided yet."""
        sent = []
        for said, partition in messages:
            now, place = said.at(self.now), partition % self.topic.partitions
            milliseconds = int(self.now.timestamp() * 1_000)
            record = self.topic.append(place, now.value, milliseconds, is_decided=not in_transaction)
            sent.append((record, Message(place, record.at, now, now.value)))
        if in_transaction:
            self.transactions.append(sent)
        else:
            self.known.committed += [message for _, message in sent]

    def decide(self, *, commits: bool) -> None:
        """End the oldest open transaction, if there is one."""
        if self.transactions:
            sent = self.transactions.pop(0)
            self.topic.decide([record for record, _ in sent], commits=commits)
            self.known.committed += [message for _, message in sent if commits]

    def must_be_done_again(self) -> None:
        """After a power cut, whatever was done may be undone: what nobody but people can do is done again."""
        self.unfinished |= dict.fromkeys(self.done)

    def tick(self, time: timedelta = timedelta(seconds=1)) -> None:
        self.now += time


def empty_lake(folder: Path) -> Path:
    """A lake with all tables and no rows, to be copied."""
    lake = Lake(str(folder))
    for table in TABLES.values():
        lake.table(table)
    return folder
