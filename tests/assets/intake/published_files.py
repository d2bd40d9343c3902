"""CSV files to publish, and what a reader of the topic sees.

Add here: how tests write and read them. Not here: a test.
"""

import time
from pathlib import Path

from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader

HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"


ROW = '2019-10-01 00:00:00 UTC,cart,577,148,,"o""pi, x",2.62,{user},s1\n'


def a_file(folder: Path, name: str, rows: int, last: str = "") -> Path:
    path = folder / name
    path.write_text(HEADER + "".join(ROW.format(user=user) for user in range(rows)) + last)
    return path


def visible(kafka: KafkaConnection, topic: str) -> list[bytes]:
    """What can be read once every transaction has ended."""
    reader = KafkaReader(kafka, topic)
    while reader.undecided():  # Kafka answers a commit before it has written its markers
        time.sleep(0.1)
    return visible_now(kafka, topic)


def visible_now(kafka: KafkaConnection, topic: str) -> list[bytes]:
    """What can be read at this moment."""
    reader = KafkaReader(kafka, topic)
    state = reader.state()
    return [value for chunk in reader.read(state.start, state.end, 10_000) for value in chunk.messages["value"]]
