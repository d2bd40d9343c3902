"""A new optional field of the event is one line of the contract; an older lake gets its column."""

import os
import subprocess
import sys

import polars as pl
from deltalake import DeltaTable

from assets.stream.stream_assets import Stream
from assets.tables import SILVER_EVENTS
from resources.lake import Lake
from tests.conftest import event
from tests.faults.killed_run import CHECKOUT
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

LINE = 'EXTRA = pl.Schema({"event_id": pl.String()})'
NEW_LINE = 'EXTRA = pl.Schema({"event_id": pl.String(), "coupon": pl.String(), "basket_id": pl.Int64()})'

NEWER_RELEASE = """
import sys, types
from pathlib import Path
line, new_line, servers, topic, root = sys.argv[1:]
source = Path("assets/events/contract.py").read_text()
assert source.count(line) == 1
contract = types.ModuleType("assets.events.contract")
exec(source.replace(line, new_line), contract.__dict__)
sys.modules["assets.events.contract"] = contract
from datetime import UTC, datetime
from assets.stream.micro_batch import micro_batches, open_stream
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake
from tests.resources.mock_kafka import MockTopicReader
reader = MockTopicReader(KafkaConnection(servers), topic)
list(micro_batches(open_stream(Lake(root)), reader, lambda: datetime.now(UTC), 1000, 45))
"""


def test_a_field_is_added_in_one_place(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [event(coupon="OLD")])
    run(lake, stream)
    fields = {"coupon": "SPRING", "basket_id": "12"}
    mock_kafka.publish(topic, [event(user_id=2, **fields), event(user_id=3), event(user_id=4, basket_id="x")])

    arguments = [LINE, NEW_LINE, mock_kafka.connection.bootstrap_servers, topic, lake.root]
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    subprocess.run([sys.executable, "-c", NEWER_RELEASE, *arguments], cwd=CHECKOUT, env=env, check=True, timeout=60)

    held = pl.DataFrame(DeltaTable(lake.uri(SILVER_EVENTS)).scan())
    assert sorted(held.select("user_id", "coupon", "basket_id").rows()) == [
        (2, "SPRING", 12),
        (3, None, None),
        (463240011, None, None),
    ]
