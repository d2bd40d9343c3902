"""The lake on an object store: a real S3 server, with conditional writes, and with what goes wrong there."""

import re
from collections.abc import Callable, Mapping

import pytest

from assets.stream.stream_assets import Stream
from assets.tables import PRODUCT_SALES, SILVER_EVENTS
from assets.tables.sql_views import sql_session
from assets.upkeep.audit import audit
from resources import object_store
from resources.duckdb_engine import query
from resources.lake import Lake
from resources.lake_errors import ConcurrentCommitError
from resources.lake_table import LakeTable
from resources.object_store import StoreError
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.lake_rows import FIRST, LAYOUT, things
from tests.resources.mock_kafka import MockKafka
from tests.resources.s3_server import FAULTS, KEY, NOBODY, SECRET, Fault, S3Server


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


def _touches(lake: Lake, table: LakeTable) -> Mapping[str, Callable[[], object]]:
    """Everything that asks the store, with a handle that was loaded before; a write moves it."""
    return {
        "load": lambda: lake.table(LAYOUT),
        "load an older version": lambda: lake.table(LAYOUT, 1),
        "create": lambda: Lake(f"{lake.root}/new").table(LAYOUT),
        "progress": lambda: table.progress("batch"),
        "read": lambda: table.read(),
        "read some": lambda: table.read("number = 1"),
        "stream": lambda: list(table.stream(None, 10)),
        "append": lambda: table.append(things(3), {"batch": 3}),
        "append frames": lambda: table.append(iter([things(3)]), {"batch": 3}),
        "replace": lambda: table.replace(things(3), LAYOUT.on_days([FIRST]), {"batch": 3}),
        "annotate": lambda: table.annotate({"salesinsights.told": "yes"}),
        "compact": lambda: table.compact([FIRST]),
        "checkpoint": lambda: table.checkpoint(),
        "vacuum": lambda: table.vacuum(7),
        "purge": lambda: table.purge(),
    }


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("name", FAULTS)
def test_a_refusal_is_named_with_the_remedy(bucket: Lake, s3: S3Server, name: str) -> None:
    fault, remedy = FAULTS[name]
    lake = Lake(bucket.root)
    table = lake.table(LAYOUT)
    table.append(things(1), {"batch": 1})

    for touch in (lambda: lake.table(LAYOUT), table.read):
        with s3.faulty(fault), pytest.raises(StoreError) as raised:
            touch()
        assert remedy in str(raised.value)
        assert_is_one_plain_line(str(raised.value), lake, s3)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("name", ["access denied", "too busy"])
def test_whatever_asks_the_store_says_so(bucket: Lake, s3: S3Server, name: str) -> None:
    fault, remedy = FAULTS[name]
    lake = Lake(bucket.root)
    for number in (1, 2):
        lake.table(LAYOUT).append(things(number), {"batch": number})

    for did, touch in _touches(lake, lake.table(LAYOUT)).items():
        with s3.faulty(fault), pytest.raises(StoreError) as raised:
            touch()
        assert remedy in str(raised.value), (did, raised.value)
        assert_is_one_plain_line(str(raised.value), lake, s3)
    assert sorted(lake.table(LAYOUT).read()["number"]) == [1, 2]


@pytest.mark.usefixtures("hasty")
def test_a_commit_that_the_store_refuses_is_no_conflict(bucket: Lake, s3: S3Server) -> None:
    table = Lake(bucket.root).table(LAYOUT)
    fault = Fault(403, "AccessDenied", method="PUT", path="_delta_log")

    with s3.faulty(fault), pytest.raises(StoreError, match=r"bronze/things can't be written.*may not do this"):
        table.append(things(1), {"batch": 1})


def test_a_store_that_is_back_in_time_is_asked_again(bucket: Lake, s3: S3Server) -> None:
    table = bucket.table(LAYOUT)

    for number, status in enumerate((500, 503, 429), 1):
        for method in ("PUT", "GET"):
            with s3.faulty(Fault(status, method=method, times=2)):
                table.append(things(number), {"batch": number})

    assert bucket.table(LAYOUT).read().height == 6


def test_what_will_not_heal_is_asked_once(bucket: Lake, s3: S3Server) -> None:
    bucket.table(LAYOUT)
    s3.requests()

    with s3.faulty(Fault(403, "InvalidAccessKeyId")), pytest.raises(StoreError):
        bucket.table(LAYOUT)

    assert len(s3.requests()) == 1


def test_the_store_is_given_half_a_minute() -> None:
    assert object_store.RETRY["retry_timeout"] == "30s"
    assert sum(min(5, 0.1 * 2**number) for number in range(int(object_store.RETRY["max_retries"]))) > 30


def assert_is_one_plain_line(said: str, lake: Lake, s3: S3Server) -> None:
    bucket, _, prefix = lake.root.removeprefix("s3://").partition("/")
    assert f"in bucket {bucket} under {prefix}/" in said
    assert f" at {s3.url}: " in said
    assert re.search(r"[\n\x1b<>]|folder|disk|panicked|Kernel|Error performing", said) is None, said
    assert KEY not in said
    assert SECRET not in said
    assert len(said) < 500


@pytest.mark.usefixtures("hasty")
def test_a_store_that_is_away_is_named(bucket: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    table = bucket.table(LAYOUT)
    table.append(things(1), {"batch": 1})
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOBODY)
    with pytest.raises(StoreError, match=r"the store does not answer.*Start it, or check AWS_ENDPOINT_URL"):
        Lake(bucket.root).table(LAYOUT)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://no-such-store.invalid:9000")
    with pytest.raises(StoreError, match=r"at http://no-such-store\.invalid:9000: no server of this name is found"):
        Lake(bucket.root).table(LAYOUT)
