"""Logging in with a name and a password from the file of users.

Add here: what the login asks for. Not here: how passwords are kept (`user_file`), how the page looks (`login_page`).
"""

import asyncio
import logging
import math
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from salesinsights_dagster.login.attempts import Attempts
from salesinsights_dagster.login.login_page import ask_password, own_place
from salesinsights_dagster.login.rules import LOGIN, LOGOUT
from salesinsights_dagster.login.sessions import Sessions
from salesinsights_dagster.login.user_file import UserFile
from salesinsights_dagster.login.visitor import Visitor
from salesinsights_dagster.safe_requests import LOOPBACK

LONGEST_FORM = 8_192
"""Bytes."""

_log = logging.getLogger(__name__)


class UserLogin:
    """The way of the file of users. A role that is changed, a new password or a removed user counts at once."""

    paths: Sequence[str] = (LOGIN, LOGOUT)

    def __init__(self, users: UserFile, sessions: Sessions, attempts: Attempts) -> None:
        self._users, self._sessions, self._attempts = users, sessions, attempts
        # One password at a time: a flood of them takes one core and 64 MB.
        self._judging = asyncio.Lock()
        self.doors = Starlette(
            routes=[
                Route(LOGIN, self._ask, methods=["GET"]),
                Route(LOGIN, self._enter, methods=["POST"]),
                logout_route(self._sessions),
            ]
        )

    def visitor(self, connection: HTTPConnection) -> Visitor | None:
        """Who asks, by the cookie."""
        session = self._sessions.of(connection)
        user = self._users.users().get(session.name) if session else None
        if session is None or user is None or user.stamp != session.stamp:
            return None
        return Visitor(session.name, user.role, session.until)

    async def _ask(self, request: Request) -> Response:
        return ask_password(own_place(request.query_params.get("next", "/")))

    async def _enter(self, request: Request) -> Response:
        if not 0 < int(request.headers.get("content-length", 0)) <= LONGEST_FORM:
            return PlainTextResponse("this is no login", 413)
        form = parse_qs((await request.body()).decode(errors="replace"), max_num_fields=10)
        name, password, then = (form.get(field, [""])[0] for field in ("name", "password", "next"))
        whose = _whose(name, request)
        async with self._judging:
            wait = self._attempts.wait(whose)
            if wait > timedelta():
                return _later(then, name, wait)
            if not await run_in_threadpool(self._users.is_password, name, password):
                self._attempts.failed(whose)
                _log.warning(
                    "a login as %r failed, from %s", name[:100], request.client.host if request.client else "?"
                )
                return ask_password(own_place(then), "Name or password is wrong.", name, 401)
        self._attempts.succeeded(whose)
        user = self._users.users().get(name)
        response = RedirectResponse(own_place(then), 303)
        self._sessions.begin(response, name, user.stamp if user else "")
        return response


def logout_route(sessions: Sessions) -> Route:
    """The address that ends a session. By POST alone: a link or a picture logs nobody out."""

    async def leave(request: Request) -> Response:
        response = RedirectResponse(LOGIN, 303)
        sessions.end(request, response)
        return response

    return Route(LOGOUT, leave, methods=["POST"])


def _whose(name: str, request: Request) -> Sequence[str]:
    """Whose attempts count together: the name's, and the address's unless it is a proxy's that all come from."""
    host = request.client.host if request.client else ""
    return [f"name {name}", *([] if host in LOOPBACK else [f"address {host}"])]


def _later(then: str, name: str, wait: timedelta) -> Response:
    seconds = math.ceil(wait.total_seconds())
    said = f"Too many wrong attempts: try again in {seconds} s."
    response = ask_password(own_place(then), said, name, 429)
    response.headers["retry-after"] = str(seconds)
    return response
