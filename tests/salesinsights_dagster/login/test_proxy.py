"""Visitors whom a proxy names, and those who only say so."""

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from salesinsights_dagster.login.proxy import ProxyLogin
from salesinsights_dagster.login.visitor import Names
from tests.salesinsights_dagster.login.visitors import Clock, visitor

NAMES = Names(["ann@shop.example"], ["*@shop.example"])
PROXIES = [ip_network("10.0.3.0/24"), ip_network("127.0.0.1")]
LISTS = "/api/customers/top_customers"


def opened(home: Path, address: str, clock: Clock | None = None) -> TestClient:
    """A browser whose requests come from this address."""
    clock = clock or Clock()
    way = ProxyLogin("X-Forwarded-User", PROXIES, NAMES, timedelta(hours=12), clock)
    return visitor(way, home, clock, client=(address, 50_000))


@pytest.mark.parametrize("address", ["10.0.3.7", "127.0.0.1", "::ffff:10.0.3.7"])
def test_whom_the_proxy_names_may_look(tmp_path: Path, address: str) -> None:
    reader, admin = ({"x-forwarded-user": name} for name in ("Rob@shop.example", "ann@shop.example"))
    client = opened(tmp_path, address)

    assert [client.get(path, headers=reader).status_code for path in ("/", LISTS)] == [200, 403]
    assert [client.get(path, headers=admin).status_code for path in ("/", LISTS)] == [200, 200]
    with client.websocket_connect("/_nicegui_ws/socket.io/", headers=reader) as socket:
        assert socket.receive_text() == "figures"


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("10.0.3.7", []),
        ("10.0.3.7", [("x-forwarded-user", "")]),
        ("10.0.3.7", [("x-forwarded-user", "rob@evil.example")]),
        ("10.0.4.7", [("x-forwarded-user", "ann@shop.example")]),
        ("10.0.4.7", [("x-forwarded-user", "ann@shop.example"), ("x-forwarded-for", "10.0.3.7")]),
        ("unix", [("x-forwarded-user", "ann@shop.example")]),
    ],
    ids=["nobody", "empty", "a stranger", "no proxy", "a forged address", "no address"],
)
def test_whom_no_proxy_names_gets_nothing(tmp_path: Path, address: str, headers: list[tuple[str, str]]) -> None:
    client = opened(tmp_path, address)

    answer = client.get("/", headers=headers)

    assert (answer.status_code, "figures" in answer.text) == (401, False)
    assert client.post("/login", headers=headers).status_code == 401
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/_nicegui_ws/socket.io/", headers=dict(headers)) as socket,
    ):
        socket.receive_text()


def test_who_adds_a_name_to_the_proxys_gets_nothing(tmp_path: Path) -> None:
    twice = [("x-forwarded-user", "ann@shop.example"), ("x-forwarded-user", "rob@shop.example")]

    assert opened(tmp_path, "10.0.3.7").get("/", headers=twice).status_code == 401


def test_the_proxy_is_asked_for_an_open_page_after_the_session_is_over(tmp_path: Path) -> None:
    clock = Clock()
    client = opened(tmp_path, "10.0.3.7", clock)
    named = {"x-forwarded-user": "rob@shop.example"}
    with client.websocket_connect("/_nicegui_ws/socket.io/", headers=named) as socket:
        assert socket.receive_text() == "figures"
        clock.now += timedelta(hours=12)
        socket.send_text("more")
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()
