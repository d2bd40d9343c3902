"""An example consumer: the sales of each product, kept up to date from the topic of product sales.

    python docs/follow_product_sales.py 127.0.0.1:9092 [--until-end]

It starts at the topic's beginning and keeps the newest row of each key, as compaction does. So it needs no state of its
own: started again, it shows the same. It needs only the package confluent-kafka.
"""

import argparse
import json
from collections import defaultdict
from decimal import Decimal

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

TOPIC = "shop.product-sales"


def follow(servers: str, until_end: bool) -> dict[bytes, dict[str, object]]:
    """The rows by key, once the topic was read to its end; without `until_end` it goes on for ever."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "example",  # required by the client; nothing is committed under it
            "enable.auto.commit": False,
            "isolation.level": "read_committed",  # rows come in transactions: all of a batch, or none
            "enable.partition.eof": True,
        }
    )
    try:
        partitions = consumer.list_topics(TOPIC, timeout=30).topics[TOPIC].partitions
    except KafkaException as error:
        raise SystemExit(f"{servers}: {error.args[0].str()}") from error
    consumer.assign([TopicPartition(TOPIC, number, OFFSET_BEGINNING) for number in partitions])
    rows: dict[bytes, dict[str, object]] = {}
    unread = set(partitions)
    while unread or not until_end:
        message = consumer.poll(1)
        if message is None:
            continue
        error = message.error()
        if error is None:
            apply(rows, message.key() or b"", message.value())
        elif error.code() == KafkaError._PARTITION_EOF:
            unread.discard(message.partition())
            report(rows)
        else:
            raise SystemExit(str(error))
    consumer.close()
    return rows


def apply(rows: dict[bytes, dict[str, object]], key: bytes, value: bytes | None) -> None:
    """A row replaces the one with its key, a tombstone removes it. Idempotent."""
    if value is None:
        rows.pop(key, None)
    else:
        rows[key] = json.loads(value)


def report(rows: dict[bytes, dict[str, object]]) -> None:
    """Print the products with the highest revenue. Money is text in the rows, so that it stays exact."""
    revenue: dict[object, Decimal] = defaultdict(Decimal)
    for row in rows.values():
        revenue[row["product_id"]] += Decimal(str(row["revenue"]))
    for product, money in sorted(revenue.items(), key=lambda item: -item[1])[:5]:
        print(f"{product}\t{money}")
    print(f"{len(rows)} windows of {len(revenue)} products, {sum(revenue.values())} in all", flush=True)


if __name__ == "__main__":
    told = argparse.ArgumentParser(description="Keep the sales of each product up to date from their topic.")
    told.add_argument("servers", metavar="HOST:PORT", help="the Kafka cluster")
    told.add_argument("--until-end", action="store_true", help="stop at the end of the topic")
    given = told.parse_args()
    follow(given.servers, given.until_end)
