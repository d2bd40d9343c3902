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

MOST = 400
REFUSED = "beginning again at the lake's offsets"


def test_of_two_machines_each_message_is_committed_by_one(
    bucket: Lake, mock_kafka: MockKafka, topic: str, tmp_path: Path
) -> None:
    mock_kafka.publish(topic, [event(user_id=0)])
    machines = [started(tmp_path / name, bucket, mock_kafka, topic) for name in ("one", "two")]

    paid = 1
    # Until one of them was refused: then they did race.
    while not refused(tmp_path) and paid < MOST:
        mock_kafka.publish(topic, [event(user_id=paid)], partition=paid % 4)
        paid += 1
        time.sleep(0.5)
    ended = [machine.wait(timeout=300) for machine in machines]

    assert ended == [0, 0], logs(tmp_path)
    assert refused(tmp_path) > 0
    places = Counter(bucket.table(BRONZE_EVENTS).read(columns=["partition", "offset"]).iter_rows())
    assert set(places.values()) == {1}
    assert len(places) == paid
    assert sorted(bucket.table(SILVER_EVENTS).read(columns=["user_id"])["user_id"]) == list(range(paid))
    assert bucket.table(PRODUCT_SALES).read(columns=["units"])["units"].sum() == paid
    assert audit(bucket).findings == []


def logs(folder: Path) -> list[str]:
    return [path.read_text() for path in sorted(folder.glob("*.log"))]


def refused(folder: Path) -> int:
    return sum(text.count(REFUSED) for text in logs(folder))


def started(home: Path, lake: Lake, kafka: MockKafka, topic: str) -> "subprocess.Popen[bytes]":
    arguments = [str(home), lake.root, kafka.connection.bootstrap_servers, topic, "10"]
    command = [sys.executable, "-m", "tests.faults.host", *arguments]
    with home.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(command, cwd=CHECKOUT, stdout=log, stderr=subprocess.STDOUT)
