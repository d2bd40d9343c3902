"""Who is answered: a server's own pages, under its own names. Held for the dashboard and for Dagster's web server."""

from collections.abc import Mapping

import pytest
from dagster_webserver.webserver import DagsterWebserver
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from salesinsights_dagster.dagster_web import SafeWebserver
from salesinsights_dagster.safe_requests import LOOPBACK, SafeRequests

FOREIGN_IMAGE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
FOREIGN_FRAME = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
FOREIGN_LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse("figures")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("figures")


ROUTES = [
    Route("/", page, methods=["GET", "POST"]),
    Route("/graphql", page, methods=["GET", "POST"]),
    WebSocketRoute("/live", socket),
]


@pytest.fixture
def client() -> TestClient:
    headers = {b"x-frame-options": b"DENY"}
    app = SafeRequests(Starlette(routes=ROUTES), [*LOOPBACK, "wall.shop"], "--allow-host NAME", headers)
    return TestClient(app, base_url="http://127.0.0.1:8080")


@pytest.fixture
def dagster_client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """Dagster's web server with our middleware, and pages that need no Dagster."""
    monkeypatch.setattr(DagsterWebserver, "build_routes", lambda server: ROUTES)
    server = SafeWebserver.__new__(SafeWebserver)
    return TestClient(server.create_asgi_app(), base_url="http://127.0.0.1:3000")


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "wall.shop"])
def test_its_own_names_are_answered(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host, "origin": f"http://{host}"})

    assert (answer.status_code, answer.text) == (200, "figures")
    assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "chrome-extension://127.0.0.1:8080"},
        {"origin": "null"},
    ],
)
def test_other_names_and_other_sites_get_nothing(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.get("/", headers=headers)

    assert answer.status_code == 403
    assert "figures" not in answer.text
    _no_socket(client, headers)


@pytest.mark.parametrize("headers", [FOREIGN_IMAGE, FOREIGN_FRAME, {**FOREIGN_IMAGE, "sec-fetch-site": "same-site"}])
def test_what_a_page_of_another_site_embeds_gets_nothing(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.get("/", headers=headers)

    assert answer.status_code == 403
    assert "figures" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"host": ""},
        {"host": "["},
        {"host": "[::1"},
        {"host": "evil.example@127.0.0.1:8080"},
        {"host": "127.0.0.1:8080/evil"},
        {"host": "127.0.0.1:port"},
        {"host": "\N{ACCOUNT OF}.example".encode()},
        {"origin": "http://["},
        {"origin": "http://[127.0.0.1"},
        {"origin": "127.0.0.1:8080"},
        {"origin": ""},
    ],
)
def test_what_is_no_host_or_origin_is_a_bad_request(client: TestClient, headers: Mapping[str, str]) -> None:
    assert client.get("/", headers=headers).status_code == 400
    _no_socket(client, headers)


def test_two_origins_are_none(client: TestClient) -> None:
    twice = [("origin", "http://127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")]

    assert client.get("/", headers=twice).status_code == 400


def _no_socket(client: TestClient, headers: Mapping[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/live", headers=headers):
        pass


def test_a_link_on_another_site_opens_a_page_and_submits_nothing(client: TestClient) -> None:
    assert client.get("/", headers=FOREIGN_LINK).status_code == 200
    assert client.post("/", headers=FOREIGN_LINK).status_code == 403


def test_a_socket_of_its_own_page_is_answered(client: TestClient) -> None:
    own = {"host": "127.0.0.1:8080", "origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-origin"}
    with client.websocket_connect("/live", headers=own) as opened:
        assert opened.receive_text() == "figures"


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}, FOREIGN_IMAGE])
def test_dagsters_server_refuses_other_sites(dagster_client: TestClient, headers: dict[str, str]) -> None:
    assert dagster_client.post("/graphql", headers=headers).status_code == 403


def test_dagsters_server_refuses_the_sockets_of_other_sites(dagster_client: TestClient) -> None:
    _no_socket(dagster_client, {"host": "127.0.0.1:3000", "origin": "http://evil.example"})


def test_dagsters_server_answers_its_own_pages(dagster_client: TestClient) -> None:
    own = {"origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-origin"}

    assert dagster_client.post("/graphql", headers=own).text == "figures"
    assert dagster_client.get("/", headers=FOREIGN_LINK).headers["x-frame-options"] == "DENY"
    with dagster_client.websocket_connect("/live", headers={"host": "127.0.0.1:3000", **own}) as opened:
        assert opened.receive_text() == "figures"


def test_a_query_in_an_address_is_not_carried_out(dagster_client: TestClient) -> None:
    mutation = "/graphql?query=mutation{wipeAssets}"

    assert dagster_client.get(mutation, headers={"accept": "*/*"}).status_code == 405
    assert dagster_client.get("/graphql", headers={"accept": "text/html"}).text == "figures"
