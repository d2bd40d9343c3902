"""What happens to a shop from outside: time, partitions, transactions, and what Kafka deletes.

Add here: something that no deed does. Not here: what people and Dagster do (`deeds`).
"""

from dataclasses import dataclass
from datetime import timedelta

from assets.tables import BRONZE_EVENTS
from tests.model.shop import PARTITIONS, TOPIC, Shop


def has_begun(shop: Shop) -> bool:
    """Whether the stream has read the topic."""
    return shop.lake.table(BRONZE_EVENTS).progress(f"kafka/{TOPIC}/id") is not None


@dataclass(frozen=True)
class SetTheClock:
    minutes: int

    def happen(self, shop: Shop) -> None:
        shop.tick(timedelta(minutes=self.minutes))


@dataclass(frozen=True)
class AddPartitions:
    def happen(self, shop: Shop) -> None:
        shop.topic.partitions = PARTITIONS


@dataclass(frozen=True)
class EndTransaction:
    commits: bool

    def happen(self, shop: Shop) -> None:
        shop.decide(commits=self.commits)


@dataclass(frozen=True)
class KafkaDeletes:
    """Retention leaves a partition its newest messages, read or not. A lake that begins later never had the others."""

    partition: int
    left: int

    def happen(self, shop: Shop) -> None:
        place = self.partition % shop.topic.partitions
        if has_begun(shop):
            shop.topic.first[place] = max(shop.topic.start(place), shop.topic.end(place) - self.left)


Outside = SetTheClock | AddPartitions | EndTransaction | KafkaDeletes
