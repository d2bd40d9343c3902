"""A small site behind the gate, and visitors of it.

Add here: what several tests of the login need. Not here: a test.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from salesinsights_dagster.login.export_log import EXPORTS, ROWS, ExportLog
from salesinsights_dagster.login.gate import Gate, Way

PASSWORD = "correct horse battery"  # noqa: S105
BASE = "http://127.0.0.1:8080"


@dataclass
class Clock:
    """A clock that stands until a test moves it."""

    now: datetime = field(default_factory=lambda: datetime(2026, 11, 27, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now


async def figures(request: Request) -> Response:
    """Figures as JSON, as a page, or as CSV."""
    if request.query_params.get("format") == "csv":
        return Response("revenue\n1\n2\n", media_type="text/csv", headers={ROWS: "2"})
    is_api = request.url.path.startswith("/api/")
    return Response("figures", media_type="application/json" if is_api else "text/html", headers={ROWS: "7"})


async def socket(websocket: WebSocket) -> None:
    """Sends figures as often as it is asked."""
    await websocket.accept()
    await websocket.send_text("figures")
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()
            await websocket.send_text("figures")


async def alive(request: Request) -> Response:
    return PlainTextResponse("ok")


SITE = Starlette(
    routes=[
        Route("/healthz", alive),
        WebSocketRoute("/_nicegui_ws/socket.io/", socket),
        Mount("/", Starlette(routes=[Route("/{place:path}", figures, methods=["GET", "POST", "DELETE"])])),
    ]
)


def visitor(way: Way, home: Path, clock: Clock, metrics_token: str | None = None, **options: object) -> TestClient:
    """A browser of its own; it follows no redirect by itself."""
    gate = Gate(SITE, way, ExportLog(home / EXPORTS), clock, metrics_token)
    return TestClient(gate, base_url=BASE, follow_redirects=False, **options)  # type: ignore[arg-type]
