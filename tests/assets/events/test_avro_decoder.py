"""Avro beside JSON, with the client's own in-memory registry."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.bronze.avro_schemas import keep_schemas, schemas_of
from assets.silver.silver import rebuild_silver
from assets.stream.quarantine_replay import replay
from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_EVENTS, SILVER_EVENTS, SILVER_QUARANTINE
from assets.tables.asset_specs import key_of
from assets.upkeep.audit import audit
from assets.upkeep.forget_user import forget
from assets.upkeep.proof import differences
from resources.lake import Lake, OpenTables
from resources.lake_errors import ProgressMovedError
from resources.schema_registry import RegistryError, SchemaRegistry
from tests.assets.stream.dagster_runs import execute
from tests.conftest import event
from tests.lakes import rows, run, snapshot
from tests.resources.mock_kafka import MockKafka, MockTopicReader

fastavro = pytest.importorskip("fastavro", reason="Avro is an extra: pip install 'salesinsights[avro]'")

DAY = date(2019, 10, 1)
NOON = datetime(2019, 10, 1, 12, tzinfo=UTC)
EVENT: dict[str, Any] = {
    "event_time": NOON,
    "event_type": "purchase",
    "product_id": 5773203,
    "category_id": None,
    "category_code": None,
    "brand": 'runa"il ø',
    "price": Decimal("2.62"),
    "user_id": 463240011,
    "user_session": "26dd6e6e",
}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 14, "scale": 4}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}


def schema(**kinds: object) -> str:
    usual = {
        "event_time": MILLIS,
        "event_type": "string",
        "product_id": "long",
        "category_id": ["null", "long"],
        "category_code": ["null", "string"],
        "brand": ["null", "string"],
        "price": MONEY,
        "user_id": "long",
        "user_session": ["null", "string"],
    }
    fields = [{"name": name, "type": kind} for name, kind in {**usual, **kinds}.items() if kind is not None]
    return json.dumps({"type": "record", "name": "event", "fields": fields})


class Registry(SchemaRegistry):
    """The client's in-memory registry, with the schemas that a test registers."""

    def __init__(self) -> None:
        from confluent_kafka.schema_registry import SchemaRegistryClient

        self.numbers = 0
        super().__init__(SchemaRegistryClient.new_client({"url": "mock://registry"}))

    def register(self, text: str) -> int:
        from confluent_kafka.schema_registry import Schema

        self.numbers += 1
        return int(self._client.register_schema(f"subject-{self.numbers}", Schema(text, "AVRO")))


def encoded(number: int, text: str, **fields: object) -> bytes:
    body = BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(json.loads(text)), {**EVENT, **fields})
    return b"\0" + number.to_bytes(4) + body.getvalue()


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def avro_shop(stream: Stream, mock_kafka: MockKafka, topic: str, registry: Registry) -> Stream:
    return replace(stream, open_reader=lambda: MockTopicReader(mock_kafka.connection, topic, registry=registry))


Publish = Callable[..., None]


@pytest.fixture
def publish(mock_kafka: MockKafka, topic: str) -> Publish:
    return lambda *values: mock_kafka.publish(topic, values)


BODY = ("event_time", "event_type", "product_id", "category_id", "brand", "price", "user_id", "user_session")


@pytest.mark.parametrize(
    ("kinds", "fields"),
    [
        ({}, {}),
        ({"event_time": "string"}, {"event_time": "2019-10-01T12:00:00Z"}),
        ({"event_time": {"type": "long", "logicalType": "timestamp-micros"}}, {}),
        ({"price": "double"}, {"price": 2.62}),
        ({"price": "string"}, {"price": "2.62"}),
        ({"product_id": "int"}, {}),
        ({"category_id": None, "category_code": None, "user_agent": "string"}, {"user_agent": "x"}),
    ],
    ids=["decimal", "text time", "micros", "double", "text price", "int", "fewer and more fields"],
)
def test_a_record_is_the_event_that_its_json_would_be(
    lake: Lake,
    avro_shop: Stream,
    registry: Registry,
    publish: Publish,
    kinds: dict[str, object],
    fields: dict[str, object],
) -> None:
    text = schema(**kinds)
    publish(encoded(registry.register(text), text, **fields))

    run(lake, avro_shop)

    expected = pl.DataFrame([{name: EVENT[name] for name in BODY}], schema={n: SILVER_EVENTS.schema[n] for n in BODY})
    assert_frame_equal(rows(lake, SILVER_EVENTS).select(BODY), expected)


def test_schemas_of_several_versions_and_json_share_a_topic(
    lake: Lake, avro_shop: Stream, registry: Registry, publish: Publish
) -> None:
    old, new = schema(), schema(event_id=["null", "string"])
    first, second = registry.register(old), registry.register(new)
    publish(encoded(first, old), event(user_id=1), encoded(second, new, user_id=2, event_id="e-1"))
    run(lake, avro_shop)
    publish(encoded(second, new, user_id=3, event_id="e-2"), encoded(first, old))
    run(lake, avro_shop)

    silver = rows(lake, SILVER_EVENTS)

    assert sorted(silver["user_id"]) == [1, 2, 3, 463240011]
    assert silver.filter(user_id=2)["event_id"].to_list() == ["e-1"]
    assert schemas_of(lake.table(BRONZE_EVENTS)) == {first: old, second: new}
    assert audit(lake).findings == []


def test_a_day_is_rebuilt_without_the_registry(
    lake: Lake, avro_shop: Stream, registry: Registry, publish: Publish
) -> None:
    text = schema()
    publish(*(encoded(registry.register(text), text, user_id=user) for user in range(5)))
    run(lake, avro_shop)
    before = rows(lake, SILVER_EVENTS)

    rebuild_silver(Lake(lake.root), [DAY])

    assert_frame_equal(rows(lake, SILVER_EVENTS), before)
    assert differences(Lake(lake.root), DAY, 45).is_empty()


def refused(registry: Registry) -> dict[str, tuple[bytes, str]]:
    text = schema()
    number = registry.register(text)
    good = encoded(number, text)
    other = registry.register('{"type": "string"}')
    long = schema(price={**MONEY, "precision": 40, "scale": 31})
    return {
        "cut short": (good[:-3], "bad_avro"),
        "bytes left over": (good + b"\0", "bad_avro"),
        "body of another": (good[:5] + b"\xff" * 40, "bad_avro"),
        "no body": (good[:5], "bad_avro"),
        "half a head": (good[:3], "unknown_schema"),
        "unknown schema": (b"\0" + (999).to_bytes(4) + good[5:], "unknown_schema"),
        "no record": (b"\0" + other.to_bytes(4) + b"\x02a", "not_an_object"),
        "three decimals": (encoded(number, text, price=Decimal("2.625")), "price_too_precise"),
        "a decimal past every context": (
            encoded(registry.register(long), long, price=Decimal("2." + "0" * 30 + "1")),
            "price_too_precise",
        ),
        "unknown type": (encoded(number, text, event_type="wish"), "unknown_event_type"),
        "before 2019": (encoded(number, text, event_time=datetime(1, 1, 1, tzinfo=UTC)), "event_time_out_of_range"),
    }


@pytest.mark.parametrize("name", refused(Registry()))
def test_bad_avro_is_quarantined_with_its_bytes_and_the_good_rows_land(
    lake: Lake, avro_shop: Stream, registry: Registry, publish: Publish, name: str
) -> None:
    value, reason = refused(registry)[name]
    text = schema()
    publish(encoded(registry.register(text), text, user_id=5), value, event(user_id=6))

    run(lake, avro_shop)

    held = rows(lake, SILVER_QUARANTINE)
    assert (held["reason"].to_list(), held["value"].to_list()) == ([reason], [value])
    assert sorted(rows(lake, SILVER_EVENTS)["user_id"]) == [5, 6]


def test_a_schema_that_is_not_avro_refuses_its_rows_only(
    lake: Lake, avro_shop: Stream, registry: Registry, publish: Publish
) -> None:
    number = registry.register('{"type": "record", "name": "x", "fields": [{"name": "a", "type": "elsewhere.Other"}]}')
    publish(b"\0" + number.to_bytes(4) + b"x", event(user_id=6))

    run(lake, avro_shop)

    assert rows(lake, SILVER_QUARANTINE)["detail"].str.contains("not a self-contained Avro schema").all()
    assert rows(lake, SILVER_EVENTS)["user_id"].to_list() == [6]


def test_made_up_numbers_do_not_make_the_registry_a_bottleneck(
    lake: Lake, avro_shop: Stream, registry: Registry, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = schema()
    number, asked, ask = registry.register(text), list[int](), registry.schema

    def counted(one: int) -> str | None:
        asked.append(one)
        return ask(one)

    monkeypatch.setattr(registry, "schema", counted)
    good = [encoded(number, text, user_id=user) for user in range(2)]
    publish(*good, *(b"\0" + made_up.to_bytes(4) + b"x" for made_up in range(1_000, 1_300)))

    run(lake, avro_shop)

    assert (asked[0], len(asked)) == (number, 20)
    assert rows(lake, SILVER_EVENTS).height == 2
    assert set(rows(lake, SILVER_QUARANTINE)["reason"]) == {"unknown_schema"}


def test_a_silent_registry_stops_before_anything_is_written(
    lake: Lake,
    stream: Stream,
    mock_kafka: MockKafka,
    topic: str,
    publish: Publish,
    avro_shop: Stream,
    registry: Registry,
) -> None:
    nobody = SchemaRegistry.open({"url": "http://127.0.0.1:9", "max.retries": "0"})
    deaf = replace(stream, open_reader=lambda: MockTopicReader(mock_kafka.connection, topic, registry=nobody))
    text = schema()
    publish(encoded(registry.register(text), text))

    with pytest.raises(RegistryError, match="check that it runs, and SCHEMA_REGISTRY_URL"):
        run(lake, deaf)

    assert rows(lake, BRONZE_EVENTS).is_empty()
    run(lake, avro_shop)
    assert rows(lake, SILVER_EVENTS).height == 1


@pytest.fixture
def too_early(lake: Lake, stream: Stream, registry: Registry, publish: Publish) -> list[date]:
    """Two Avro values of two schemas that came before the registry was set, and junk; their days of arrival."""
    texts = schema(), schema(event_id=["null", "string"])
    publish(*(encoded(registry.register(text), text, user_id=user) for user, text in enumerate(texts)), b"\0junk")
    run(lake, stream)
    held = rows(lake, SILVER_QUARANTINE)
    assert set(held["reason"]) == {"invalid_utf8", "not_json"}
    return held["arrival_date"].unique().to_list()


def test_avro_that_came_before_the_registry_was_set_comes_home_by_a_replay(
    lake: Lake, registry: Registry, too_early: list[date]
) -> None:
    before = replay(lake, too_early, 45)

    done = replay(lake, too_early, 45, registry)

    assert (before.won_back, done.won_back, done.accepted, done.still_refused) == (0, 2, 2, 1)
    assert sorted(rows(lake, SILVER_EVENTS)["user_id"]) == [0, 1]
    assert len(schemas_of(lake.table(BRONZE_EVENTS))) == 2
    assert audit(lake).findings == []


def test_days_of_quarantine_that_dagster_tries_again_ask_the_registry_too(
    lake: Lake, stream: Stream, registry: Registry, too_early: list[date]
) -> None:
    (day,) = too_early
    with_registry = replace(stream, open_registry=lambda: registry)

    with dg.DagsterInstance.ephemeral() as instance:
        selected = [key_of(SILVER_QUARANTINE)]
        execute(lake, with_registry, instance, partition_key=day.isoformat(), asset_selection=selected)

    assert sorted(rows(lake, SILVER_EVENTS)["user_id"]) == [0, 1]


def test_a_replay_that_the_registry_does_not_answer_changes_nothing(lake: Lake, too_early: list[date]) -> None:
    before = snapshot(lake)

    with pytest.raises(RegistryError, match="check that it runs, and SCHEMA_REGISTRY_URL"):
        replay(lake, too_early, 45, SchemaRegistry.open({"url": "http://127.0.0.1:9", "max.retries": "0"}))

    assert all(frame.equals(before[name]) for name, frame in snapshot(lake).items())


def test_a_new_schema_does_not_move_the_handle_past_a_batch_of_another_run(
    lake: Lake, avro_shop: Stream, registry: Registry, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = schema()
    publish(encoded(registry.register(text), text))

    def beaten(*arguments: Any) -> None:
        monkeypatch.setattr("assets.stream.micro_batch.keep_schemas", keep_schemas)
        run(lake, avro_shop)
        keep_schemas(*arguments)

    monkeypatch.setattr("assets.stream.micro_batch.keep_schemas", beaten)
    with pytest.raises(ProgressMovedError):
        run(lake, avro_shop)

    assert rows(lake, BRONZE_EVENTS).height == rows(lake, SILVER_EVENTS).height == 1


def test_a_forgotten_user_leaves_avro_too(lake: Lake, avro_shop: Stream, registry: Registry, publish: Publish) -> None:
    text = schema()
    number = registry.register(text)
    prices = (Decimal(2), Decimal("2.625"))
    publish(*(encoded(number, text, user_id=user, price=price) for user in (11, 12) for price in prices))
    run(lake, avro_shop)

    done = forget(lake, 11, NOON, 45)

    assert done.rows == 2
    assert rows(lake, BRONZE_EVENTS).height == 2
    assert (rows(lake, SILVER_EVENTS)["user_id"].to_list(), rows(lake, SILVER_QUARANTINE).height) == ([12], 1)


def test_a_replay_does_not_bring_back_whom_nobody_could_read_when_they_were_forgotten(
    lake: Lake, stream: Stream, registry: Registry, mock_kafka: MockKafka, topic: str
) -> None:
    text = schema()
    number = registry.register(text)
    arrived = datetime.now(UTC)
    values = [encoded(number, text, user_id=user, event_time=arrived) for user in (11, 12)]
    mock_kafka.publish_keyed(topic, [(None, value) for value in (*values, b"junk")])
    run(lake, stream)
    done = forget(lake, 11, arrived + timedelta(days=1), 45)
    assert (done.rows, sum(done.undecided.values())) == (0, 2)
    keep_schemas(OpenTables(lake, [BRONZE_EVENTS]), {number: text})

    replayed = replay(lake, lake.table(SILVER_QUARANTINE).days, 45)

    assert (replayed.tried, replayed.won_back) == (2, 1)
    assert rows(lake, SILVER_EVENTS)["user_id"].to_list() == [12]
    assert rows(lake, BRONZE_EVENTS).height == 2
    assert rows(lake, SILVER_QUARANTINE)["value"].to_list() == [b"junk"]
    assert forget(lake, 11, arrived + timedelta(days=1), 45).found == {}
    assert audit(lake).findings == []
