"""A new optional field of the event is one line of the contract; a lake in use goes on, read in every way."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from assets.stream import micro_batch
from assets.stream.stream_assets import Stream
from resources.lake import Lake
from tests.conftest import event
from tests.faults.interleaving import crash_before
from tests.faults.standby import CHECKOUT
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

Readings = dict[str, dict[str, Any]]

AHEAD = {"coupon": "AHEAD", "basket_id": 11}
"""What a producer may send before the release that knows the fields."""


@pytest.fixture
def readings(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> Readings:
    """The lake as the newer release reads it: before its first batch, after it, and after a rebuild of the day.

    The older release ignored both fields, whatever they held. It was killed with its last message only in bronze.
    """
    faulty = [event(user_id=2, coupon=5), event(user_id=3, coupon="x" * 2_000), event(user_id=4, basket_id="x")]
    mock_kafka.publish(topic, [event(user_id=1, **AHEAD), *faulty])
    run(lake, stream)
    mock_kafka.publish(topic, [event(user_id=5, coupon="KILLED", basket_id="x")])
    crash_before(monkeypatch, micro_batch.Layers, "refine", lambda: run(lake, stream))
    newer = [event(user_id=6, coupon="NEW", basket_id="12"), event(user_id=7), event(user_id=8, basket_id="x")]
    mock_kafka.publish(topic, newer)

    command = ["-m", "tests.newer_release", lake.root, mock_kafka.connection.bootstrap_servers, topic]
    done = subprocess.run([sys.executable, *command], cwd=CHECKOUT, env=os.environ, capture_output=True, timeout=480)
    assert done.returncode == 0, done.stderr.decode()
    found: Readings = json.loads(done.stdout)
    return found


def test_a_field_is_added_in_one_place_to_a_lake_in_use(readings: Readings) -> None:
    nothing = [[user, None, None] for user in range(1, 5)]
    newer = [[5, "KILLED", None], [6, "NEW", 12], [7, None, None]]

    assert readings["before"]["events"] == nothing
    assert readings["between"]["events"] == [*nothing, *newer]
    # A rebuild reads what the stream ignored. It refuses nothing that the stream took, whatever the new rules say.
    assert readings["rebuilt"]["events"] == [[1, "AHEAD", 11], *nothing[1:], *newer]

    for moment, units in {"before": 4, "between": 7, "rebuilt": 7}.items():
        held = readings[moment]
        assert (held["audit"], held["proof"]) == ([], []), moment
        assert (held["units"], held["shown"], held["served"]) == (units, units, 1), moment
