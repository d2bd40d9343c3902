"""A minimal pipeline of the same libraries: read a backlog, parse the JSON, append to Delta Lake, add up.

It has no contract, finds no duplicates, keeps no raw bytes, writes no second table, and a kill loses everything. The
product's cost is compared with it. Run as a command in the environment of a system, it prints its figures as JSON.
Add here: nothing that a shop would need. Not here: the product (`assets`).
"""

import io
import json
import os
import tempfile
from pathlib import Path

import polars as pl
from confluent_kafka import Consumer, TopicPartition
from deltalake import write_deltalake

from resources.kafka_reader import KafkaReader
from salesinsights_dagster.broker import find_kafka
from salesinsights_dagster.settings import load_settings

CHUNK = 200_000
TYPES = {"category_code": pl.String, "brand": pl.String}


def main() -> None:
    """Read the topic from its start to its current end."""
    settings = load_settings(dict(os.environ))
    connection = find_kafka(settings)
    reader = KafkaReader(connection, settings.topic)
    state = reader.state()
    options = connection.options(
        group_id="least",
        enable_auto_commit=False,
        isolation_level="read_committed",
        enable_partition_eof=True,
        queued_min_messages=200_000,
        queued_max_messages_kbytes=65_536,
        fetch_wait_max_ms=20,
    )
    consumer, values, ended, rows, revenue = Consumer(options), list[bytes](), set[int](), 0, 0.0
    consumer.assign([TopicPartition(settings.topic, partition, at) for partition, at in state.start.items()])
    with tempfile.TemporaryDirectory(prefix="salesinsights-least-") as folder:
        while len(ended) < len(state.end):
            for message in consumer.consume(10_000, timeout=0.05):
                if message.error() is None:
                    values.append(message.value() or b"")
                else:
                    ended.add(message.partition() or 0)
            if len(values) >= CHUNK or (values and len(ended) == len(state.end)):
                frame = pl.read_ndjson(io.BytesIO(b"\n".join(values)), schema_overrides=TYPES)
                write_deltalake(Path(folder) / "events", frame, mode="append")
                sold = frame.filter(event_type="purchase").group_by("product_id").agg(pl.col("price").sum())
                rows, revenue, values = rows + frame.height, revenue + float(sold["price"].sum()), []
    consumer.close()
    print(json.dumps({"messages": rows, "revenue": round(revenue, 2)}))


if __name__ == "__main__":
    main()
