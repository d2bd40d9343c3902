"""Who may talk to a web server of ours: only requests for its own host names, and only from its own pages.

A page of another site, or a foreign name that points here, gets nothing. Add here: a rule for every request.
Not here: what is answered (`dashboard`, `dagster_web`).
"""

import re
from collections.abc import Collection, Mapping

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")

_AUTHORITY = r"(?:\[(?P<ip6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::[0-9]{1,5})?"
_HOST = re.compile(_AUTHORITY, re.IGNORECASE)
_ORIGIN = re.compile(rf"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<place>{_AUTHORITY})", re.IGNORECASE)

_OWN_SITE = ("same-origin", "none")
"""Values of Sec-Fetch-Site for a server's own page, and for an address that somebody typed."""


class SafeRequests:
    """Refuses requests and web sockets whose Host is not in `hosts`, or that a page of another site asks for.

    A browser names that page in Origin; of an image or a script it says only Sec-Fetch-Site. A link on another site may
    be followed: the page that it opens is one of ours. Answers get `headers`.
    """

    def __init__(
        self, app: ASGIApp, hosts: Collection[str], remedy: str, headers: Mapping[bytes, bytes] | None = None
    ) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._remedy = remedy
        self._headers = [*(headers or {}).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, self._sending(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = _HOST.fullmatch(_only(headers, "host") or "")
        origin = _only(headers, "origin")
        page = _ORIGIN.fullmatch(origin or "")
        if host is None or (page is None and origin not in (None, "null")):
            return PlainTextResponse("the Host or the Origin of this request is malformed", 400)
        if (host["ip6"] or host["name"]).lower() not in self._hosts:
            return PlainTextResponse(f"this host name is not served here: {self._remedy}", 403)
        if (origin is not None and not _is_own(page, host)) or _is_embedded(scope, headers):
            return PlainTextResponse("requests from other sites are refused", 403)
        return None

    def _sending(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        return sending


def _only(headers: Headers, name: str) -> str | None:
    """The header's value, None without one. Two values joined are malformed, as they should be."""
    values = headers.getlist(name)
    return ", ".join(values) if values else None


def _is_own(page: re.Match[str] | None, host: re.Match[str]) -> bool:
    """Whether the page that asks was served under the name that it asks."""
    return page is not None and page["scheme"] in ("http", "https") and page["place"].lower() == host.group().lower()


def _is_embedded(scope: Scope, headers: Headers) -> bool:
    """Whether a page of another site asks, other than by a link that opens one of our pages.

    Of a web socket every browser says the Origin; not all of them say the rest.
    """
    if scope["type"] == "websocket" or headers.get("sec-fetch-site", "none") in _OWN_SITE:
        return False
    opened = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return not (opened and scope.get("method") in ("GET", "HEAD"))
