"""Two machines, each with a home and a Dagster of its own, read one topic into one lake in an object store."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from assets.tables import BRONZE_EVENTS, PRODUCT_SALES, SILVER_EVENTS
from assets.upkeep.audit import audit
from resources.lake import Lake
from tests.conftest import event
from tests.faults.standby import CHECKOUT
from tests.resources.mock_kafka import MockKafka

PAYMENTS = 40
REFUSED = "beginning again at the lake's offsets"


def test_of_two_machines_each_message_is_committed_by_one(
    bucket: Lake, mock_kafka: MockKafka, topic: str, tmp_path: Path
) -> None:
    mock_kafka.publish(topic, [event(user_id=0)])
    machines = [started(tmp_path / name, bucket, mock_kafka, topic) for name in ("one", "two")]

    for user in range(1, PAYMENTS):
        mock_kafka.publish(topic, [event(user_id=user)], partition=user % 4)
        time.sleep(0.5)
    said = [machine.communicate(timeout=300)[0] for machine in machines]

    assert [machine.returncode for machine in machines] == [0, 0], said
    # Both have read on to the end, and one of them was refused at least once: they did race.
    assert sum(text.count(REFUSED) for text in said) > 0
    places = Counter(bucket.table(BRONZE_EVENTS).read(columns=["partition", "offset"]).iter_rows())
    assert set(places.values()) == {1}
    assert len(places) == PAYMENTS
    assert sorted(bucket.table(SILVER_EVENTS).read(columns=["user_id"])["user_id"]) == list(range(PAYMENTS))
    assert bucket.table(PRODUCT_SALES).read(columns=["units"])["units"].sum() == PAYMENTS
    assert audit(bucket).findings == []


def started(home: Path, lake: Lake, kafka: MockKafka, topic: str) -> "subprocess.Popen[str]":
    arguments = [str(home), lake.root, kafka.connection.bootstrap_servers, topic, "10"]
    command = [sys.executable, "-m", "tests.faults.host", *arguments]
    return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
