"""The catalogue's topic as the stream's runs follow it: beside the payments, every half minute, like a replica.

Add here: how a run treats the topic. Not here: what is read from it (`assets.products.catalog_topic`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import dagster as dg
from confluent_kafka import KafkaException

from assets.products.catalog_topic import catalog_is_behind, read_catalog_topic
from assets.stream.replicas import ReplicaError
from assets.tables import CATALOG
from assets.tables.asset_specs import spec_of
from resources.kafka_reader import KafkaReader, KafkaUnavailableError
from resources.lake import Lake
from resources.lake_errors import LakeError


@dataclass(frozen=True)
class CatalogTopic:
    """The topic that `open_reader` reads."""

    open_reader: Callable[[], KafkaReader]

    @property
    def spec(self) -> dg.AssetSpec:
        return spec_of(CATALOG)

    def is_behind(self, lake: Lake) -> bool:
        try:
            return catalog_is_behind(lake, self.open_reader())
        except (KafkaUnavailableError, KafkaException, LakeError) as error:
            raise ReplicaError(f"the catalogue's topic can't be asked: {error}") from error

    def catch_up(self, lake: Lake, now: datetime) -> dict[str, int]:
        try:
            return vars(read_catalog_topic(lake, self.open_reader(), now))
        except (KafkaUnavailableError, KafkaException, LakeError) as error:
            raise ReplicaError(f"the catalogue is behind its topic: {error}") from error

    def renew(self, lake: Lake, now: datetime) -> None:
        """Nothing to do: anybody may read the topic."""
