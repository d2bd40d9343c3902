"""Dagster's web server as `salesinsights dev` starts it: with the dashboard's check of who asks.

Dagster's own answers any Host and any Origin, and carries out a mutation that an image tag of another site asks for.
Add here: what this server refuses. Not here: how it is started (`dagster_process`, `dagster_dev`).
"""

from dagster_webserver import app, cli
from dagster_webserver.webserver import DagsterWebserver
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from salesinsights_dagster.safe_requests import LOOPBACK, SafeRequests

REMEDY = "open it as http://127.0.0.1, through a tunnel from another machine"
HEADERS = {b"x-frame-options": b"DENY"}
"""Nor may another site show the UI in a frame, under buttons of its own."""


class QueriesByPost:
    """Refuses GraphQL in an address: a link to it could carry out a mutation. The page to type a query in remains."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_query = scope["type"] == "http" and scope["path"].rstrip("/") == "/graphql" and scope["method"] == "GET"
        if is_query and "text/html" not in Headers(scope=scope).get("accept", ""):
            answer = PlainTextResponse("send the query by POST", 405, {"allow": "POST"})
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class SafeWebserver(DagsterWebserver):
    """Dagster's web server behind our checks; its web sockets too."""

    def build_middleware(self) -> list[Middleware]:
        ours = [Middleware(SafeRequests, hosts=LOOPBACK, remedy=REMEDY, headers=HEADERS), Middleware(QueriesByPost)]
        return [*ours, *super().build_middleware()]


def main() -> None:
    """The command `dagster-webserver`, with our server in it."""
    app.DagsterWebserver = SafeWebserver  # type: ignore[attr-defined]
    cli.main()


if __name__ == "__main__":
    main()
