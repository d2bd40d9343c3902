"""Day files of real size on the real broker, by each way in: silver then holds what DuckDB finds in them."""

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event

import duckdb
import polars as pl
import pytest
from confluent_kafka import Producer

from assets.intake.csv_publisher import publish_csv
from assets.intake.input_folder import Inbox, InputFolder, publish_file
from assets.stream.stream_assets import Stream
from assets.tables import PRODUCT_SALES_DAILY, SILVER_BATCHES, SILVER_EVENTS
from assets.tables.topics import events_topic
from assets.upkeep.audit import audit
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader
from resources.kafka_topics import ensure_topic
from resources.lake import Lake
from salesinsights_dagster.simulator.live import run_live
from salesinsights_dagster.simulator.month_file import write_month
from salesinsights_dagster.simulator.publisher import Publisher, open_producer
from salesinsights_dagster.simulator.replayer import replay
from salesinsights_dagster.simulator.shop import Shop
from tests.conftest import event
from tests.lakes import rows, run

pytestmark = pytest.mark.kafka

DAY_ROWS = 110_000
FIRST_DAY = date(2019, 10, 1)


@pytest.fixture(scope="session")
def day_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three days of a busy shop, one file each, with more than 100,000 rows in each."""
    folder = tmp_path_factory.mktemp("days")
    return [_day_file(folder, FIRST_DAY + timedelta(days=number), number) for number in range(3)]


def _day_file(folder: Path, day: date, seed: int) -> Path:
    month = pl.read_csv(write_month(Shop(seed=seed), 2019, 10, DAY_ROWS, folder), infer_schema=False)
    path = folder / f"{day}.csv"
    on_day = pl.lit(str(day)) + pl.col("event_time").str.slice(10)
    month.with_columns(event_time=on_day).sort("event_time", maintain_order=True).write_csv(path)
    return path


@pytest.fixture
def stream(real_kafka: KafkaConnection, topic: str) -> Stream:
    ensure_topic(real_kafka, events_topic(topic))
    return Stream(lambda: KafkaReader(real_kafka, topic), lambda: datetime.now(UTC), 200_000, window_seconds=45)


def in_files(files: list[Path]) -> list[tuple[int, int, object]]:
    """By DuckDB: the number of distinct rows, of purchases among them, and the sum of their prices."""
    distinct = f"SELECT DISTINCT * FROM read_csv({[str(file) for file in files]}, all_varchar = true)"
    return duckdb.execute(
        "SELECT count(*), count(*) FILTER (event_type = 'purchase'), "
        f"sum(price::DECIMAL(18, 2)) FILTER (event_type = 'purchase') FROM ({distinct})"
    ).fetchall()


def in_lake(lake: Lake, until: date) -> list[tuple[int, int, object]]:
    silver = lake.table(SILVER_EVENTS).read(f"event_date <= DATE '{until}'", ["event_type"])
    sold = lake.table(PRODUCT_SALES_DAILY).read(f"event_date <= DATE '{until}'", ["revenue"])
    return [(silver.height, silver.filter(event_type="purchase").height, sold["revenue"].sum())]


def drain(lake: Lake, stream: Stream) -> None:
    """A pass over everything that was published: Kafka confirms a commit before it writes the markers."""
    reader, deadline = stream.open_reader(), time.monotonic() + 120
    while reader.undecided():
        assert time.monotonic() < deadline
    run(lake, stream)


def publish(kafka: KafkaConnection, topic: str, files: list[Path]) -> None:
    for file in files:
        assert publish_csv(file, kafka, topic, datetime.now(UTC)).rows >= 100_000


def put_into_folder(kafka: KafkaConnection, topic: str, files: list[Path], folder: Path) -> None:
    folder.mkdir()
    for file in files:
        (folder / file.name).write_bytes(file.read_bytes())
    publish_folder(kafka, topic, folder)


def publish_folder(kafka: KafkaConnection, topic: str, folder: Path) -> None:
    inbox = Inbox(InputFolder(folder), topic, lambda: kafka, lambda: datetime.now(UTC))
    for file in inbox.folder.ready(datetime.now(UTC).timestamp() + 60):
        assert publish_file(inbox, file)


def replay_month(kafka: KafkaConnection, topic: str, files: list[Path], folder: Path) -> None:
    month = folder.with_name("2019-Oct.csv")
    header = files[0].read_bytes().split(b"\n", 1)[0]
    month.write_bytes(b"\n".join([header, b"".join(file.read_bytes().split(b"\n", 1)[1] for file in files)]))
    replay([month], folder, 0.001, lambda seconds: False)
    publish_folder(kafka, topic, folder)


WAYS = {
    "produce": lambda kafka, topic, files, _: publish(kafka, topic, files),
    "input folder": put_into_folder,
    "replay": replay_month,
}


@pytest.mark.parametrize("way", WAYS)
def test_several_day_files_are_read_to_their_end(
    way: str,
    lake: Lake,
    stream: Stream,
    real_kafka: KafkaConnection,
    topic: str,
    day_files: list[Path],
    tmp_path: Path,
) -> None:
    WAYS[way](real_kafka, topic, day_files, tmp_path / "input")

    drain(lake, stream)

    assert in_lake(lake, FIRST_DAY + timedelta(days=2)) == in_files(day_files)
    assert audit(lake).passed


@pytest.fixture
def live_shop(real_kafka: KafkaConnection, topic: str) -> Iterator[Callable[[], int]]:
    """A shop that sells meanwhile; the returned function closes it and gives the number of its events."""
    stop, publisher = Event(), Publisher(open_producer(real_kafka), topic, Event())
    with ThreadPoolExecutor(1) as thread:
        selling = thread.submit(run_live, Shop(seed=9), publisher, lambda: datetime.now(UTC), 300, stop)

        def close() -> int:
            stop.set()
            sent = selling.result()
            publisher.close()
            return sent

        yield close
        stop.set()


def test_a_day_file_is_read_beside_a_shop_that_sells(
    lake: Lake,
    stream: Stream,
    real_kafka: KafkaConnection,
    topic: str,
    day_files: list[Path],
    live_shop: Callable[[], int],
) -> None:
    publish(real_kafka, topic, day_files[:1])
    drain(lake, stream)
    publish(real_kafka, topic, day_files[1:2])
    drain(lake, stream)
    sent = live_shop()
    drain(lake, stream)

    ledger = rows(lake, SILVER_BATCHES)
    assert in_lake(lake, FIRST_DAY + timedelta(days=1)) == in_files(day_files[:2])
    in_both = sum(pl.read_csv(file, infer_schema=False).height for file in day_files[:2])
    assert ledger["messages"].sum() == in_both + sent
    assert audit(lake).passed


def test_a_topic_that_ends_in_an_aborted_transaction_is_read_to_its_end(
    lake: Lake, stream: Stream, real_kafka: KafkaConnection, topic: str
) -> None:
    for name, many, is_kept in (("kept", 20_000, True), ("given-up", 120_000, False)):
        producer = Producer(real_kafka.options(transactional_id=f"{topic}/{name}"))
        producer.init_transactions(30)
        producer.begin_transaction()
        for user in itertools.islice(itertools.count(), many):
            producer.produce(topic, event(user_id=user), b"%d" % user)
            producer.poll(0)
        assert producer.flush(30) == 0
        (producer.commit_transaction if is_kept else producer.abort_transaction)(30)

    drain(lake, stream)

    ledger = rows(lake, SILVER_BATCHES)
    assert ledger["accepted"].sum() == 20_000
    assert ledger["markers"].sum() >= 120_000
    assert run(lake, stream) == []
