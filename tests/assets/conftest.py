"""What tests of several tables share.

Add here: a fixture for them. Not here: a test.
"""

from collections.abc import Callable
from typing import Any

import pytest

from assets.stream.stream_assets import Stream
from resources.lake import Lake
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka


@pytest.fixture
def publish(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> Callable[[list[dict[str, Any]]], None]:
    """Add these events to silver."""

    def publish(events: list[dict[str, Any]]) -> None:
        mock_kafka.publish(topic, [event(**one) for one in events])
        run(lake, stream)

    return publish
