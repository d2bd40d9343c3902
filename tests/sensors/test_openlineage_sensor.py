"""What a catalogue of data hears by OpenLineage, from a receiver that is really asked by HTTP."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import dagster as dg
import pytest

from assets.stream.stream_assets import STREAMED, Stream
from resources.kafka_reader import KafkaReader
from resources.lake import Lake
from resources.lineage_receiver import LineageReceiverError
from salesinsights_dagster.definitions import build_definitions
from salesinsights_dagster.settings import Settings, load_settings
from tests.assets.stream.dagster_runs import execute
from tests.conftest import event
from tests.resources.mock_kafka import MockKafka


class Catalogue(HTTPServer):
    """A receiver on this machine: the events that it took, the keys that it was shown, and how it answers."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.status = 201
        super().__init__(("127.0.0.1", 0), _Take)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Take(BaseHTTPRequestHandler):
    server: Catalogue

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.keys.add(self.headers["Authorization"])
        if self.path == "/api/v1/lineage" and self.server.status < 300:
            self.server.told.append(said)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def catalogue() -> Iterator[Catalogue]:
    with Catalogue() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def settings(catalogue: Catalogue, tmp_path: Path) -> Settings:
    return load_settings(
        {
            "SALESINSIGHTS_HOME": str(tmp_path),
            "SALESINSIGHTS_OPENLINEAGE_URL": catalogue.url,
            "SALESINSIGHTS_OPENLINEAGE_KEY": "a-key",
            "KAFKA_BOOTSTRAP_SERVERS": "kafka1:9092,kafka2:9092",
        }
    )


class Daemon:
    """Looks with the sensor of these settings, as Dagster's daemon does, and keeps its cursor."""

    def __init__(self, settings: Settings) -> None:
        self._sensor = next(one for one in build_definitions(settings).sensors or () if one.name == "openlineage")
        self._cursor: str | None = None

    def look(self, instance: dg.DagsterInstance) -> None:
        with dg.build_sensor_context(instance, self._cursor) as context:
            self._sensor(context)
            # The daemon keeps none of a tick that failed.
            self._cursor = context.cursor


@pytest.fixture
def daemon(settings: Settings) -> Daemon:
    return Daemon(settings)


def test_each_table_of_a_run_is_told_when_it_begins_and_when_it_ends(
    daemon: Daemon, catalogue: Catalogue, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [event(event_time="2019-10-01 10:00:00 UTC")])
    with dg.DagsterInstance.ephemeral() as instance:
        daemon.look(instance)
        run = execute(lake, stream, instance).run_id
        daemon.look(instance)
        told = list(catalogue.told)
        daemon.look(instance)

    assert catalogue.told == told, "nothing is told twice"
    assert catalogue.keys == {"Bearer a-key"}
    names = sorted(layout.name for layout in STREAMED)
    assert [(one["eventType"], one["job"]["name"]) for one in told] == [
        (state, name) for state in ("START", "COMPLETE") for name in names
    ]
    assert all(one["run"]["facets"]["parent"]["run"]["runId"] == run for one in told)
    for name in names:
        begun, ended = (one for one in told if one["job"]["name"] == name)
        assert begun["run"]["runId"] == ended["run"]["runId"]
    for one in told:
        assert_is_an_event(one)


def test_an_event_names_what_a_table_is_made_from_and_its_columns(
    daemon: Daemon,
    settings: Settings,
    catalogue: Catalogue,
    lake: Lake,
    stream: Stream,
    mock_kafka: MockKafka,
    topic: str,
) -> None:
    mock_kafka.publish(topic, [event(event_time="2019-10-01 10:00:00 UTC")])
    with dg.DagsterInstance.ephemeral() as instance:
        daemon.look(instance)
        execute(lake, stream, instance)
        daemon.look(instance)

    ended = {one["job"]["name"]: one for one in catalogue.told if one["eventType"] == "COMPLETE"}
    sales, bronze = ended["gold/product_sales"], ended["bronze/events"]
    [output] = sales["outputs"]
    assert (output["namespace"], output["name"]) == ("file", f"{settings.lake}/gold/product_sales")
    assert [one["name"] for one in sales["inputs"]] == [f"{settings.lake}/silver/purchases"]
    assert {"namespace": "kafka://kafka1:9092", "name": "shop.events"}.items() <= bronze["inputs"][0].items()
    fields = {column["name"]: column["type"] for column in output["facets"]["schema"]["fields"]}
    assert (fields["revenue"], fields["window_start"]) == ("decimal(18,2)", "timestamp")
    [source] = output["facets"]["columnLineage"]["fields"]["revenue"]["inputFields"]
    assert (source["name"], source["field"]) == (f"{settings.lake}/silver/purchases", "price")
    when = sales["run"]["facets"]["nominalTime"]
    assert when["nominalStartTime"] == "2019-10-01T00:00:00+00:00"
    assert when["nominalEndTime"] == "2019-10-02T00:00:00+00:00"


def test_a_run_that_failed_is_told_without_its_error(
    daemon: Daemon, catalogue: Catalogue, lake: Lake, stream: Stream
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        daemon.look(instance)
        broken = replace(stream, open_reader=no_reader)
        assert not execute(lake, broken, instance, raise_on_error=False).success
        daemon.look(instance)

    failed = [one for one in catalogue.told if one["eventType"] == "FAIL"]
    assert len(failed) == len(STREAMED)
    assert failed[0]["run"]["facets"]["errorMessage"]["message"].endswith("failed: Dagster's UI says why")
    assert "user 7" not in json.dumps(failed)


def no_reader() -> KafkaReader:
    raise RuntimeError("user 7 bought product 12")


def test_what_the_receiver_did_not_take_is_told_later(
    daemon: Daemon, catalogue: Catalogue, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [event()])
    with dg.DagsterInstance.ephemeral() as instance:
        daemon.look(instance)
        assert execute(lake, stream, instance).success
        catalogue.status = 503
        with pytest.raises(LineageReceiverError, match="answered 503"):
            daemon.look(instance)
        assert catalogue.told == []
        catalogue.status = 201
        daemon.look(instance)

    assert len(catalogue.told) == 2 * len(STREAMED)


def test_what_the_receiver_refuses_for_good_holds_up_nothing(
    daemon: Daemon, catalogue: Catalogue, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    mock_kafka.publish(topic, [event()])
    with dg.DagsterInstance.ephemeral() as instance:
        daemon.look(instance)
        execute(lake, stream, instance)
        catalogue.status = 422
        daemon.look(instance)
        catalogue.status = 201
        daemon.look(instance)

    assert catalogue.told == []


def test_it_is_off_by_default(tmp_path: Path) -> None:
    usual = build_definitions(load_settings({"SALESINSIGHTS_HOME": str(tmp_path)}))

    assert "openlineage" not in {sensor.name for sensor in usual.sensors or ()}


def assert_is_an_event(one: dict[str, Any]) -> None:
    """What the schema of OpenLineage 2-0-2 demands of a RunEvent, its data sets and its facets."""
    UUID(one["run"]["runId"])
    assert datetime.fromisoformat(one["eventTime"]).tzinfo is not None
    assert one["producer"] == "urn:salesinsights"
    assert one["schemaURL"].startswith("https://openlineage.io/spec/")
    sets = [*one["inputs"], *one["outputs"]]
    assert all(isinstance(found[name], str) and found[name] for found in sets for name in ("namespace", "name"))
    owners = [one["run"], one["job"], *sets]
    for facet in (facet for owner in owners for facet in owner.get("facets", {}).values()):
        assert facet["_producer"]
        assert facet["_schemaURL"].startswith("https://openlineage.io/spec/facets/")
