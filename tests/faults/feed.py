"""A shop whose messages are known: each batch holds every kind of trouble, and what the broker acknowledged is kept.

Add here: a kind of message that a fault might lose, double or misjudge. Not here: what becomes of it (`oracle`).
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from resources.kafka_connection import KafkaConnection

PARTITIONS = 4
DAYS = ("2019-10-01", "2019-10-02", "2019-10-03")

Event = dict[str, Any]
Told = Event | str
"""What a value is: the event's fields, or the reason why it must be refused."""

Written = tuple[bytes | None, Told]


@dataclass(frozen=True)
class Stored:
    """One message as the broker acknowledged it, and the number of the batch that it was published in, from 1."""

    batch: int
    partition: int
    offset: int
    value: bytes | None
    told: Told


class Feed:
    """Publishes batches to one topic; a batch depends only on `seed` and on those before it."""

    def __init__(self, connection: KafkaConnection, topic: str, seed: int = 0) -> None:
        self.log: list[Stored] = []
        self.batches = 0
        self.topic = topic
        self._chance = random.Random(seed)
        self._producer = Producer(connection.options(linger_ms=0))
        self._events: list[Event] = []

    def publish(self) -> None:
        """Append one more batch, spread over the partitions; every fifth has no new event."""
        fresh = [] if self.batches % 5 == 4 else some_events(self._chance)
        copies = self._chance.choices(self._events + fresh, k=8)
        self._events += fresh
        written = [(spelled(event, self._chance), event) for event in [*fresh, *copies]]
        self.send([*written, *conflicts(fresh, self._chance), *refused(self._chance)])

    def send(self, written: list[Written]) -> None:
        """Append these values as one batch, in a random order."""
        self.batches += 1
        for value, told in self._chance.sample(written, len(written)):
            partition = self._chance.randrange(PARTITIONS)
            self._producer.produce(self.topic, value, b"1", partition, on_delivery=self._keep(value, told))
        assert self._producer.flush(20) == 0

    def _keep(self, value: bytes | None, told: Told) -> Callable[[KafkaError | None, Message], None]:
        batch = self.batches

        def keep(error: KafkaError | None, message: Message) -> None:
            partition, offset = message.partition(), message.offset()
            assert error is None
            assert partition is not None
            assert offset is not None
            self.log.append(Stored(batch, partition, offset, value, told))

        return keep


def some_events(chance: random.Random) -> list[Event]:
    """New events of three days in no order, with purchases of several items and refunds."""
    events = [an_event(chance) for _ in range(12)]
    bought = {**an_event(chance), "event_type": "purchase"}
    items = [{**bought, "product_id": product, "price": money(chance)} for product in (1, 2, 3)]
    return [*events, *items, {**bought, "product_id": 4, "price": "-5.00"}]


def an_event(chance: random.Random) -> Event:
    """The fields in the spelling of the data set; prices as text with two decimals."""
    return {
        "event_time": f"{chance.choice(DAYS)} 10:{chance.randint(0, 3):02}:{chance.randint(0, 59):02} UTC",
        "event_type": chance.choice(["view", "cart", "remove_from_cart", "purchase", "purchase"]),
        "product_id": chance.randint(1, 9),
        "category_id": chance.choice([None, 1487580005134238553]),
        "category_code": None,
        "brand": chance.choice([None, "runail", "d'or", "Ünique"]),
        "price": money(chance),
        "user_id": chance.randint(1, 9),
        "user_session": chance.choice([None, "s1", "s2"]),
        "event_id": chance.choice([None, None, f"e{chance.randint(0, 10**9)}"]),
    }


def money(chance: random.Random) -> str:
    return f"{chance.randint(-200, 2_000) / 100:.2f}"


def spelled(event: Event, chance: random.Random) -> bytes:
    """The event in one of the ways in which the contract lets it be written."""
    written = {name: field for name, field in event.items() if field is not None or chance.random() < 0.5}
    if chance.random() < 0.5:
        written["event_time"] = event["event_time"].replace(" ", "T", 1).replace(" UTC", "Z")
        written["product_id"] = str(event["product_id"])
        written["price"] = float(event["price"])
    names = chance.sample(list(written), len(written))
    return json.dumps({name: written[name] for name in names}, ensure_ascii=chance.random() < 0.5).encode()


def conflicts(events: list[Event], chance: random.Random) -> list[Written]:
    """Events with an earlier event's event_id: on its day, where they conflict, and on the next, where they don't."""
    named = [event for event in events if event["event_id"]][:2]
    other = [{**event, "price": "77.77"} for event in named]
    later = [{**event, "event_time": event["event_time"].replace("2019-10", "2019-11")} for event in named]
    return [(spelled(event, chance), event) for event in [*other, *later]]


def refused(chance: random.Random) -> list[Written]:
    """One value of each kind that ends in quarantine."""
    good = {**an_event(chance), "price": "1.00"}
    wrong: dict[str, Event] = {
        "missing_field": {"price": None},
        "bad_event_time": {"event_time": "yesterday"},
        "event_time_out_of_range": {"event_time": "2018-12-31 23:59:59 UTC"},
        "unknown_event_type": {"event_type": "gift"},
        "bad_integer": {"product_id": "1.5"},
        "bad_price": {"price": "1e2"},
        "price_too_precise": {"price": "1.999"},
    }
    written: list[Written] = [(json.dumps({**good, **field}).encode(), reason) for reason, field in wrong.items()]
    return [*written, (b"{", "not_json"), (None, "null_value"), (b"\xff", "invalid_utf8")]
