"""What the topic says was sold, computed without the product's code: a plain consumer, and DuckDB over the JSON.

Add here: the comparison with gold. Not here: how the messages came about (`soak`).
"""

import tempfile
from pathlib import Path

import duckdb
from arro3.core import Table
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from assets.tables import PRODUCT_SALES
from benchmarks.system import System
from resources.lake import Lake

SILENT_SECONDS = 30.0
FIELDS = (
    *("event_time", "event_type", "product_id", "category_id", "category_code", "brand", "price"),
    *("user_id", "user_session"),
)

_DIFFERENT = """
WITH sold AS (
    SELECT event_time[:10]::DATE AS day, product_id::BIGINT AS product,
           count(*) FILTER (price::DECIMAL(18, 2) >= 0) AS units, sum(price::DECIMAL(18, 2)) AS revenue
    FROM (SELECT DISTINCT * FROM events) WHERE event_type = 'purchase' GROUP BY ALL
),
told AS (
    SELECT event_date AS day, product_id AS product, sum(units)::BIGINT AS units, sum(revenue) AS revenue
    FROM gold GROUP BY ALL
)
SELECT day, product, s.units, s.revenue, t.units, t.revenue FROM sold s FULL JOIN told t USING (day, product)
WHERE s.units IS DISTINCT FROM t.units OR s.revenue IS DISTINCT FROM t.revenue
"""


def differences(system: System) -> tuple[int, list[tuple[object, ...]]]:
    """How many messages the topic has, and the rows that differ: day, product, units and revenue there and in gold.

    Raises RuntimeError if Kafka stays silent, DuckDB's error for a message that is no event.
    """
    gold = Lake(system.settings.lake).table(PRODUCT_SALES).read()
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        file = Path(folder) / "events.json"
        messages = _write_events(system, file)
        columns = ", ".join(f"{name}: 'VARCHAR'" for name in FIELDS)
        events = f"read_json('{file}', format = 'newline_delimited', columns = {{{columns}}})"
        connection.execute(f"CREATE VIEW events AS SELECT * FROM {events}")
        connection.register("gold", Table.from_arrow(gold))
        return messages, connection.execute(_DIFFERENT).fetchall()


def _write_events(system: System, file: Path) -> int:
    """Every committed message of the topic as a line; how many there are."""
    options = {"enable.partition.eof": True, "isolation.level": "read_committed", "group.id": "soak"}
    consumer = Consumer({**system.connection.options(), **options})
    topic = system.settings.topic
    partitions = set(consumer.list_topics(topic, timeout=20).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    count = 0
    with file.open("wb") as lines:
        while partitions:
            message = consumer.poll(SILENT_SECONDS)
            if message is None:
                raise RuntimeError(f"Kafka was silent for {SILENT_SECONDS:.0f} s")
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                partitions.discard(message.partition() or 0)
            else:
                lines.write((message.value() or b"") + b"\n")
                count += 1
    consumer.close()
    return count
