"""The lake on an object store: a real S3 server, with conditional writes."""

import os
from collections.abc import Iterator

import boto3  # type: ignore[import-untyped]
import pytest
from moto.server import ThreadedMotoServer

from assets.stream.stream_assets import Stream
from assets.tables import PRODUCT_SALES, SILVER_EVENTS
from assets.tables.sql_views import sql_session
from assets.upkeep.audit import audit
from resources.duckdb_engine import query
from resources.lake import Lake
from resources.lake_table import ConcurrentCommitError
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.lake_rows import LAYOUT, things
from tests.resources.mock_kafka import MockKafka


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Lake:
    settings = {
        "AWS_ENDPOINT_URL": server,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "shop",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ALLOW_HTTP": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert os.environ["AWS_ENDPOINT_URL"] == server
    name = f"lake-{abs(hash(request.node.name))}"
    boto3.client("s3", endpoint_url=server, region_name="us-east-1").create_bucket(Bucket=name)
    return Lake(f"s3://{name}/shop")


def test_the_stream_runs_and_the_audit_passes(bucket: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(topic, [event(), event(), event(price=1, user_id=2), b"junk"])
    run(bucket, stream)
    mock_kafka.publish(topic, [event(), event(price=4, user_id=3)])

    run(bucket, stream)

    assert rows(bucket, SILVER_EVENTS).height == 3
    assert str(rows(bucket, PRODUCT_SALES)["revenue"].sum()) == "7.62"
    assert audit(bucket).findings == []
    with sql_session(bucket, statement="product_sales") as connection:
        answer = query(connection, "SELECT sum(units) AS units FROM product_sales")
    assert int(answer["units"][0]) == 3


def test_of_two_writers_one_commits(bucket: Lake) -> None:
    winner, loser = bucket.table(LAYOUT), bucket.table(LAYOUT)
    winner.append(things(1), {"batch": 1})

    with pytest.raises(ConcurrentCommitError):
        loser.append(things(2), {"batch": 1})

    assert bucket.table(LAYOUT).read()["number"].to_list() == [1]
