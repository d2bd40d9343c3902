"""Logging in at a provider of OpenID Connect, by the authorization code flow with PKCE. Needs `salesinsights[oidc]`.

Authlib asks the provider and checks its signed answer. Add here: what is taken from that answer. Not here: sessions.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.starlette_client import OAuth, OAuthError
from httpx2 import HTTPError
from joserfc.errors import JoseError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from salesinsights_dagster.login.login_page import ask_provider, own_place
from salesinsights_dagster.login.rules import LOGIN, LOGOUT, PROVIDER
from salesinsights_dagster.login.sessions import Sessions
from salesinsights_dagster.login.user_login import logout_route
from salesinsights_dagster.login.visitor import Names, Visitor

RETURN = f"{PROVIDER}/return"
MINUTES = 10
"""For the login at the provider."""

_UNREACHED = "The provider does not answer as it should: see the dashboard's log."
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Provider:
    """Where people log in, and what this dashboard is there. `claim` is what of its answer names a person."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    claim: str


class OidcLogin:
    """The way of a provider, which leads back to the dashboard at `home`."""

    paths: Sequence[str] = (LOGIN, LOGOUT, PROVIDER)

    def __init__(self, provider: Provider, home: str, names: Names, sessions: Sessions, key: bytes) -> None:
        self._claim, self._names, self._sessions = provider.claim, names, sessions
        self._return = f"{home.rstrip('/')}{RETURN}"
        self._provider: Any = OAuth().register(
            "provider",
            client_id=provider.client_id,
            client_secret=provider.client_secret,
            server_metadata_url=f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": 10},
        )
        # What must match when the visitor comes back: state, nonce and the code's verifier, in a cookie of its own.
        under_way = Middleware(
            SessionMiddleware,
            secret_key=key.hex() + PROVIDER,
            session_cookie="salesinsights_oidc",
            max_age=MINUTES * 60,
            path=PROVIDER,
            same_site="lax",
            https_only=home.startswith("https://"),
        )
        self.doors = Starlette(
            routes=[
                Route(LOGIN, self._ask, methods=["GET"]),
                Route(f"{PROVIDER}/start", self._start, methods=["GET"]),
                Route(RETURN, self._enter, methods=["GET"]),
                logout_route(sessions),
            ],
            middleware=[under_way],
        )

    def visitor(self, connection: HTTPConnection) -> Visitor | None:
        """Who asks, by the cookie."""
        session = self._sessions.of(connection)
        role = self._names.role_of(session.name) if session else None
        return Visitor(session.name, role, session.until) if session and role else None

    async def _ask(self, request: Request) -> Response:
        return ask_provider(own_place(request.query_params.get("next", "/")))

    async def _start(self, request: Request) -> Response:
        request.session["next"] = own_place(request.query_params.get("next", "/"))
        try:
            found: Response = await self._provider.authorize_redirect(request, self._return)
        except (HTTPError, OAuthError, RuntimeError, ValueError):
            _log.exception("the provider of OpenID Connect can't be asked")
            return ask_provider("/", _UNREACHED, 502)
        return found

    async def _enter(self, request: Request) -> Response:
        try:
            token = await self._provider.authorize_access_token(request)
        except OAuthError as error:
            _log.warning("a login at the provider failed: %s", error)
            return ask_provider("/", "The login failed, or took too long. Try again.", 401)
        except (HTTPError, JoseError, RuntimeError, ValueError):
            _log.exception("the provider's answer can't be used")
            return ask_provider("/", _UNREACHED, 502)
        name = named_by(token.get("userinfo") or {}, self._claim)
        if name is None or self._names.role_of(name) is None:
            said = (
                f"{name} may not look at this dashboard." if name else f"The provider names nobody by {self._claim!r}."
            )
            return ask_provider("/", said, 403)
        response = RedirectResponse(own_place(request.session.pop("next", "/")), 303)
        self._sessions.begin(response, name)
        return response


def named_by(said: dict[str, Any], claim: str) -> str | None:
    """The name in the provider's answer; None without one, or for an e-mail that nobody has verified."""
    name = said.get(claim)
    if not isinstance(name, str) or not name or (claim == "email" and said.get("email_verified") is not True):
        return None
    return name
