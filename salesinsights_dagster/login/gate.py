"""The gate in front of the dashboard: nobody passes whom it does not know, by HTTP or by web socket.

Add here: a rule for every request. Not here: how a visitor becomes known (`user_login`, `proxy`, `oidc`), which address
needs what (`rules`).
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from salesinsights_dagster.login.export_log import ROWS, ExportLog
from salesinsights_dagster.login.rules import LOGIN, is_export, is_open, role_for
from salesinsights_dagster.login.visitor import SCOPE, Visitor

_POLICY_VIOLATION = 1008
_log = logging.getLogger(__name__)


class Way(Protocol):
    """A way to become known."""

    @property
    def doors(self) -> ASGIApp | None:
        """What is served below `paths` to who is not known yet."""
        ...

    @property
    def paths(self) -> Sequence[str]:
        """Where the doors are."""
        ...

    def visitor(self, connection: HTTPConnection) -> Visitor | None:
        """Who asks; None for somebody who is not known or may not look."""
        ...


@dataclass(frozen=True)
class Gate:
    """Lets through whom `way` knows; the rest gets the login page, or an error without a figure.

    An open page gets nothing more by its web socket once its visitor is not known any more. An answer that is an export
    is sent only after it was written down.
    """

    app: ASGIApp
    way: Way
    exports: ExportLog
    clock: Callable[[], datetime]
    metrics_token: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        if self.way.doors is not None and _below(scope["path"], self.way.paths):
            await self.way.doors(scope, receive, send)
            return
        visitor = self.way.visitor(connection)
        scope[SCOPE] = visitor
        if scope["type"] == "websocket":
            await self._socket(connection, receive, send)
        elif (refusal := self._refusal(connection, visitor)) is not None:
            await refusal(scope, receive, send)
        else:
            await self.app(scope, receive, self._writing_down(connection, visitor, receive, send))

    def _refusal(self, connection: HTTPConnection, visitor: Visitor | None) -> Response | None:
        method, path = connection.scope["method"], connection.scope["path"]
        if is_open(connection, self.metrics_token):
            return None
        if visitor is None:
            wants_page = method == "GET" and "text/html" in connection.headers.get("accept", "")
            if self.way.doors is None:
                return PlainTextResponse("the proxy in front of this dashboard names nobody who may look", 401)
            if wants_page:
                return RedirectResponse(f"{LOGIN}?next={quote(_asked(connection), safe='')}", 303)
            return JSONResponse({"detail": f"log in first: {LOGIN}"}, 401)
        if role_for(method, path) == "admin" and visitor.role != "admin":
            return JSONResponse({"detail": "this is for admins: it names customers, or changes something"}, 403)
        return None

    async def _socket(self, connection: HTTPConnection, receive: Receive, send: Send) -> None:
        """Serve the socket while its visitor is known."""
        closed = False

        def is_known() -> bool:
            found = self.way.visitor(connection)
            return found is not None and self.clock() < until

        async def receiving() -> Message:
            message = await receive()
            if is_known():
                return message
            await sending({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}

        async def sending(message: Message) -> None:
            nonlocal closed
            if closed:
                return
            if message["type"] != "websocket.close" and not is_known():
                message = {"type": "websocket.close", "code": _POLICY_VIOLATION}
            closed = message["type"] == "websocket.close"
            await send(message)

        visitor = connection.scope[SCOPE]
        if visitor is None:
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        until = visitor.until
        await self.app(connection.scope, receiving, sending)

    def _writing_down(self, connection: HTTPConnection, visitor: Visitor | None, receive: Receive, send: Send) -> Send:
        refused = False

        async def sending(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and visitor is not None:
                headers = Headers(raw=message["headers"])
                if message["status"] == 200 and is_export(connection.scope["path"], headers.get("content-type", "")):
                    refused = not self._wrote_down(connection, visitor, headers)
                message["headers"] = [*message["headers"], *self._until(visitor, headers)]
            if refused and message["type"] == "http.response.start":
                said = JSONResponse(
                    {"detail": "this can't be written into the log of exports, so it is not given"}, 503
                )
                await said(connection.scope, receive, send)
            elif not refused:
                await send(message)

        return sending

    def _wrote_down(self, connection: HTTPConnection, visitor: Visitor, headers: Headers) -> bool:
        rows, client = headers.get(ROWS), connection.client
        try:
            self.exports.write(
                self.clock(),
                visitor.name,
                _asked(connection),
                int(rows) if rows else None,
                client.host if client else None,
            )
        except OSError:
            _log.exception("the log of exports can't be written")
            return False
        return True

    def _until(self, visitor: Visitor, headers: Headers) -> Sequence[tuple[bytes, bytes]]:
        """What is for this visitor alone is kept by no cache; a page loads again when the session is over."""
        kept = [] if "cache-control" in headers else [(b"cache-control", b"no-store")]
        if not headers.get("content-type", "").startswith("text/html"):
            return kept
        left = max(1, int((visitor.until - self.clock()).total_seconds()) + 1)
        return [*kept, (b"refresh", str(left).encode())]


def _below(path: str, doors: Sequence[str]) -> bool:
    return any(path == door or path.startswith(f"{door}/") for door in doors)


def _asked(connection: HTTPConnection) -> str:
    """The path and query. Not from `connection.url`, which is put together with the Host that the visitor sent."""
    path, query = str(connection.scope["path"]), connection.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path
