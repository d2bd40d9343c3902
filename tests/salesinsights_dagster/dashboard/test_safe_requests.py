import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from salesinsights_dagster.dashboard.safe_requests import LOOPBACK, SafeRequests


async def page(request: object) -> PlainTextResponse:
    return PlainTextResponse("figures")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("figures")


@pytest.fixture
def client() -> TestClient:
    app = Starlette(routes=[Route("/", page), WebSocketRoute("/live", socket)])
    return TestClient(SafeRequests(app, [*LOOPBACK, "wall.shop"]), base_url="http://127.0.0.1:8080")


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "wall.shop"])
def test_its_own_names_are_answered(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host, "origin": f"http://{host}"})

    assert (answer.status_code, answer.text) == (200, "figures")
    assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"host": ""},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
    ],
)
def test_other_names_and_other_sites_get_nothing(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.get("/", headers=headers)

    assert answer.status_code == 403
    assert "figures" not in answer.text
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/live", headers=headers):
        pass


def test_a_socket_of_its_own_page_is_answered(client: TestClient) -> None:
    own = {"host": "127.0.0.1:8080", "origin": "http://127.0.0.1:8080"}
    with client.websocket_connect("/live", headers=own) as opened:
        assert opened.receive_text() == "figures"
