"""Dagster's real web server, as `salesinsights dev` starts it: who can use it, and what a stranger's cursor does."""

import http.client
import json
import time
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from salesinsights_dagster.dagster_process import DagsterProcess

pytestmark = [pytest.mark.kafka, pytest.mark.daemon, pytest.mark.timeout(900)]

SELECTOR = '{repositoryLocationName: "salesinsights", repositoryName: "__repository__", sensorName: "%s"}'
SET_CURSOR = "mutation { setSensorCursor(sensorSelector: %s, cursor: %s) { __typename } }"
SENSOR = """
{ sensorOrError(sensorSelector: %s) { ... on Sensor { sensorState {
    ticks(limit: 1) { status timestamp error { message } }
    typeSpecificData { ... on SensorData { lastCursor } } } } } }
"""
MARK = "set by a stranger"


def asked(dagster: DagsterProcess, path: str, method: str = "GET", **headers: str) -> int:
    place = urlsplit(dagster.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {"Host": place.netloc, **headers}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.putheader("Content-Length", "0")
    connection.endheaders()
    return connection.getresponse().status


def set_cursor(sensor: str, cursor: str) -> str:
    return SET_CURSOR % (SELECTOR % sensor, json.dumps(cursor))


def state_of(dagster: DagsterProcess, sensor: str) -> Any:
    return dagster.ask(SENSOR % (SELECTOR % sensor))["sensorOrError"]["sensorState"]


def cursor_of(dagster: DagsterProcess, sensor: str) -> str | None:
    return state_of(dagster, sensor)["typeSpecificData"]["lastCursor"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"}, 403),
        ({"Host": "["}, 400),
        ({"Origin": "http://["}, 400),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_mutation_in_an_address_is_not_carried_out(
    dagster: DagsterProcess, headers: dict[str, str], status: int, method: str
) -> None:
    path = f"/graphql?query={quote(set_cursor('kafka', MARK))}"

    assert asked(dagster, path, method, **headers) == status
    assert cursor_of(dagster, "kafka") != MARK


def test_not_even_if_the_browser_does_not_say_who_asks(dagster: DagsterProcess) -> None:
    assert asked(dagster, f"/graphql?query={quote(set_cursor('kafka', MARK))}") == 405
    assert cursor_of(dagster, "kafka") != MARK


def test_the_ui_and_a_link_to_it_are_answered(dagster: DagsterProcess) -> None:
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}

    assert [asked(dagster, path) for path in ("/", "/server_info", "/assets/gold/product_sales")] == [200, 200, 200]
    assert asked(dagster, "/runs", **link) == 200


def test_the_ui_s_own_subscription_is_answered_and_that_of_another_site_is_not(dagster: DagsterProcess) -> None:
    address, protocols = f"{dagster.url.replace('http', 'ws')}/graphql", [Subprotocol("graphql-ws")]

    with connect(address, subprotocols=protocols, origin=Origin(dagster.url)) as own:
        own.send(json.dumps({"type": "connection_init"}))
        assert json.loads(own.recv(timeout=30)) == {"type": "connection_ack"}
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(address, subprotocols=protocols, origin=Origin("http://evil.example")),
    ):
        pass
    assert refused.value.response.status_code == 403


def test_every_sensor_goes_on_from_a_cursor_that_is_not_its_own(dagster: DagsterProcess) -> None:
    sensors, set_at = ("alerts", "kafka", "input_folder"), time.time()
    for sensor in (*sensors, "customers"):
        answer = dagster.ask(set_cursor(sensor, "{}"))["setSensorCursor"]
        assert answer["__typename"] == "Sensor", answer

    ticks = {sensor: _next_tick(dagster, sensor, set_at) for sensor in sensors}

    assert {sensor: tick["status"] for sensor, tick in ticks.items() if tick["status"] == "FAILURE"} == {}
    deadline = time.monotonic() + 240
    while cursor_of(dagster, "customers") == "{}":
        assert time.monotonic() < deadline, state_of(dagster, "customers")
        time.sleep(1)


def _next_tick(dagster: DagsterProcess, sensor: str, after: float) -> Any:
    """The first ended tick that began after this moment."""
    deadline = time.monotonic() + 240
    while True:
        ticks = state_of(dagster, sensor)["ticks"]
        if ticks and ticks[0]["timestamp"] > after and ticks[0]["status"] != "STARTED":
            return ticks[0]
        assert time.monotonic() < deadline, ticks
        time.sleep(0.5)
