"""What tests of several packages share: a lake in a temporary folder or on S3, the two kinds of broker, the data."""

import json
import os
import re
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from assets.runs import process_priority
from assets.stream.stream_assets import Stream
from resources import object_store
from resources.kafka_connection import KafkaConnection
from resources.lake import Lake
from salesinsights_dagster.broker import LocalBroker
from tests.campaign import PROFILE
from tests.resources.mock_kafka import MockKafka, MockTopicReader
from tests.resources.s3_server import S3Server

# On a loaded machine any example may take long.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(PROFILE, settings.get_profile("suite"))
settings.load_profile("suite")

# A short life is not worth Java's second compiler: a broker's start takes 4 CPU seconds, not 6.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that run Dagster's daemon come first: they wait longer than they compute, so the others fill the gaps."""
    items.sort(key=lambda item: item.get_closest_marker("daemon") is None)


@pytest.fixture(scope="session", autouse=True)
def same_priority() -> Iterator[None]:
    """A run that makes way for the stream would leave its low priority to all later tests of this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process_priority, "NICENESS", os.getpriority(os.PRIO_PROCESS, 0))
        yield


SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    running = S3Server()
    yield running
    running.stop()


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake in a bucket of the test's own; the environment leads to its server."""
    for name, value in s3.settings.items():
        monkeypatch.setenv(name, value)
    name = f"lake-{uuid4()}"
    s3.make_bucket(name)
    return Lake(f"s3://{name}/shop")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object store is asked again twice, at once."""
    few = {"max_retries": "2", "backoff_config.init_backoff": "1ms", "backoff_config.max_backoff": "2ms"}
    monkeypatch.setattr(object_store, "RETRY", {**object_store.RETRY, **few})


@pytest.fixture(scope="session")
def mock_kafka() -> MockKafka:
    return MockKafka()


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """A topic of the test's own, also where other processes run tests on the same broker."""
    name, number = re.sub("[^a-zA-Z0-9_-]", "-", request.node.name)[:80], zlib.crc32(request.node.nodeid.encode())
    return f"shop.{name}-{number:08x}"


@pytest.fixture
def clock() -> Callable[[], datetime]:
    """A clock that starts now and moves by a second whenever it is read."""
    start = datetime.now(UTC)
    ticks = iter(range(1_000_000))
    return lambda: start + timedelta(seconds=next(ticks))


@pytest.fixture
def stream(mock_kafka: MockKafka, topic: str, clock: Callable[[], datetime]) -> Stream:
    return Stream(lambda: MockTopicReader(mock_kafka.connection, topic), clock, batch_rows=1_000, window_seconds=45)


@pytest.fixture(scope="session")
def real_rows() -> list[Path]:
    """The real CSV files, if they are there."""
    files = sorted(SHARED_DATA.glob("2019-*.csv"))
    if not files:
        pytest.skip(f"the real rows are not at {SHARED_DATA}")
    return files


def event(**fields: object) -> bytes:
    """A good event as JSON, with these fields replaced; a field that is None is left out."""
    usual = {
        "event_time": "2019-10-01 00:00:00 UTC",
        "event_type": "purchase",
        "product_id": 5773203,
        "category_id": 1487580005134238553,
        "category_code": None,
        "brand": "runail",
        "price": 2.62,
        "user_id": 463240011,
        "user_session": "26dd6e6e-4dac-4778-8d2c-92e149dab885",
    }
    return json.dumps({name: value for name, value in {**usual, **fields}.items() if value is not None}).encode()


def shared_by_workers(own: Path) -> Path:
    """The folder for what xdist's workers share, given the temporary folder of this process."""
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"


@pytest.fixture(scope="session")
def jars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of Kafka's jars: Maven resolves them once for all workers."""
    return shared_by_workers(tmp_path_factory.getbasetemp()) / "jars"


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> KafkaConnection:
    """Apache Kafka itself, one for all workers: one that is idle takes a thirtieth of a core too.

    Whoever needs it first starts it. Beside much else, that may take minutes.
    """
    broker = LocalBroker(shared_by_workers(tmp_path_factory.getbasetemp()) / "kafka", libs=jars)
    servers = broker.start(wait_seconds=300).bootstrap_servers
    assert servers is not None
    return KafkaConnection(servers)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """End the broker that all workers share, once these have ended."""
    yield
    if "PYTEST_XDIST_WORKER" not in os.environ:
        base: Path = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        home = shared_by_workers(base) / "kafka"
        if home.exists():
            LocalBroker(home).stop()
