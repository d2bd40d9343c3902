"""What the fault tests share: a feed of the test's own topic, and processes to be killed."""

import itertools
from collections.abc import Iterator

import pytest

from tests.faults.feed import Feed
from tests.faults.standby import Standby
from tests.resources.mock_kafka import MockKafka

_numbers = itertools.count()


@pytest.fixture
def topic(topic: str) -> str:
    """A topic of the test's own, even if long parameters make two test names begin alike."""
    return f"{topic}.{next(_numbers)}"


@pytest.fixture
def feed(mock_kafka: MockKafka, topic: str) -> Feed:
    return Feed(mock_kafka.connection, topic)


@pytest.fixture(scope="session")
def standby() -> Iterator[Standby]:
    waiting = Standby()
    yield waiting
    waiting.close()
