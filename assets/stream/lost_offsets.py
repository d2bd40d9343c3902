"""Going on after a loss: offsets that Kafka deleted before they were read are given up, and the ledger says so.

Add here: what is done about a loss. Not here: how one is found (`bronze.bronze`).
"""

from collections.abc import Mapping

from assets.bronze.bronze import accept_loss, lost_ranges
from assets.stream.micro_batch import Layers, Now, Stages
from assets.tables import BRONZE_EVENTS
from resources.kafka_reader import KafkaReader
from resources.lake import OpenTables, Tables


def losses(tables: Tables, reader: KafkaReader) -> Mapping[int, tuple[int, int]]:
    """The lost offsets [start, end) per partition. Raises like `lost_ranges` and `KafkaReader.state`."""
    return lost_ranges(tables.table(BRONZE_EVENTS), reader.topic, reader.state())


def give_up(
    tables: OpenTables, reader: KafkaReader, lost: Mapping[int, tuple[int, int]], clock: Now, window_seconds: int
) -> None:
    """Give up these offsets, in a batch of their own through all layers: the next batch starts after them.

    A kill in the middle is made whole by the next run, as for any batch. Raises what the layers raise.
    """
    layers = Layers(tables, clock, window_seconds)
    layers.finish_last(reader.topic)
    batch = accept_loss(tables, reader.topic, reader.state(), lost, clock())
    layers.refine(batch, Stages(), is_last=True)
