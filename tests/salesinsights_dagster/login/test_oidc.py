"""Logging in at a provider of OpenID Connect: a tiny one, which signs what a test tells it to."""

import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from salesinsights_dagster.demo import free_port
from salesinsights_dagster.login.oidc import OidcLogin, Provider
from salesinsights_dagster.login.sessions import Sessions, session_key
from salesinsights_dagster.login.visitor import Names
from tests.salesinsights_dagster.login.visitors import BASE, Clock, visitor

ANN = {"email": "ann@shop.example", "email_verified": True}
ROB = {"email": "rob@shop.example", "email_verified": True}


@dataclass
class TinyProvider:
    """Lets everybody in at once. `claims` is what it says of a person, and overrides what it would say rightly."""

    issuer: str
    claims: dict[str, Any] = field(default_factory=lambda: dict(ANN))
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "a"}))
    signs_with: RSAKey | None = None
    asked: dict[str, str] = field(default_factory=dict)

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.metadata),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/keys", self.keys),
            ]
        )

    async def metadata(self, request: Request) -> Response:
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        said = {name: f"{self.issuer}/{place}" for name, place in places.items()}
        return JSONResponse({"issuer": self.issuer, "id_token_signing_alg_values_supported": ["RS256"], **said})

    async def authorize(self, request: Request) -> Response:
        self.asked = dict(request.query_params)
        return RedirectResponse(f"{self.asked['redirect_uri']}?code=c0de&state={self.asked['state']}")

    async def token(self, request: Request) -> Response:
        sent = parse_qs((await request.body()).decode())
        assert request.headers["authorization"] == "Basic " + base64.b64encode(b"dashboard:secret").decode()
        verifier = hashlib.sha256(sent["code_verifier"][0].encode()).digest()
        assert base64.urlsafe_b64encode(verifier).decode().rstrip("=") == self.asked["code_challenge"]
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": "dashboard", "sub": "1", "iat": now, "exp": now + 60}
        claims = {**usual, "nonce": self.asked["nonce"], **self.claims}
        signed = jwt.encode({"alg": "RS256", "kid": "a"}, claims, self.signs_with or self.key)
        return JSONResponse({"access_token": "t", "token_type": "Bearer", "id_token": signed})

    async def keys(self, request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})


@pytest.fixture
def provider() -> Iterator[TinyProvider]:
    port = free_port(0)
    tiny = TinyProvider(f"http://127.0.0.1:{port}")
    server = uvicorn.Server(uvicorn.Config(tiny.app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield tiny
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def browser(tmp_path: Path, provider: TinyProvider) -> TestClient:
    clock, key = Clock(), session_key(tmp_path)
    sessions = Sessions(key, timedelta(hours=12), clock, is_https=False)
    ours = Provider(provider.issuer, "dashboard", "secret", "email")
    way = OidcLogin(ours, BASE, Names(["ann@shop.example"], ["rob@shop.example"]), sessions, key)
    return visitor(way, tmp_path, clock)


def at_provider(client: TestClient, start: str = "/oidc/start") -> str:
    """Where the provider sends the browser back to, once it has let it in."""
    asked = client.get(start).headers["location"]
    return str(httpx2.get(asked, follow_redirects=False, trust_env=False).headers["location"])


def log_in(client: TestClient, start: str = "/oidc/start") -> Any:
    return client.get(at_provider(client, start).removeprefix(BASE))


@pytest.mark.parametrize(("claims", "lists"), [(ANN, 200), (ROB, 403)])
def test_whom_the_provider_names_looks_by_his_role(
    browser: TestClient, provider: TinyProvider, claims: dict[str, object], lists: int
) -> None:
    assert browser.get("/", headers={"accept": "text/html"}).headers["location"] == "/login?next=%2F"
    page = browser.get("/login", params={"next": "/health?theme=dark"})
    assert 'href="/oidc/start?next=%2Fhealth%3Ftheme%3Ddark"' in page.text
    provider.claims = dict(claims)

    answer = log_in(browser, "/oidc/start?next=%2Fhealth%3Ftheme%3Ddark")

    assert (answer.status_code, answer.headers["location"]) == (303, "/health?theme=dark")
    assert browser.get("/").text == "figures"
    assert browser.get("/api/customers/top_customers").status_code == lists
    assert browser.post("/logout").status_code == 303
    assert browser.get("/").status_code == 401


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"email": "eve@evil.example", "email_verified": True}, 403),
        ({"email": "ann@shop.example", "email_verified": False}, 403),
        ({"email": "ann@shop.example"}, 403),
        ({}, 403),
        ({**ANN, "aud": "another-client"}, 502),
        ({**ANN, "iss": "https://evil.example"}, 502),
        ({**ANN, "nonce": "of another login"}, 502),
        ({**ANN, "exp": 1}, 502),
    ],
    ids=["a stranger", "not verified", "nothing said", "nobody", "audience", "issuer", "nonce", "expired"],
)
def test_an_answer_that_is_not_for_us_lets_nobody_in(
    browser: TestClient, provider: TinyProvider, claims: dict[str, object], status: int
) -> None:
    provider.claims = dict(claims)

    assert log_in(browser).status_code == status
    assert browser.get("/").status_code == 401


def test_an_answer_that_the_provider_did_not_sign_lets_nobody_in(browser: TestClient, provider: TinyProvider) -> None:
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "a"})

    assert log_in(browser).status_code == 502
    assert browser.get("/").status_code == 401


def test_a_return_that_this_browser_did_not_begin_lets_nobody_in(browser: TestClient) -> None:
    foreign = at_provider(browser).removeprefix(BASE)
    browser.cookies.clear()

    assert browser.get(foreign).status_code == 401
    assert browser.get("/oidc/return?error=access_denied").status_code == 401
    assert browser.get("/").status_code == 401


def test_the_provider_is_sent_back_to_the_public_address_alone(browser: TestClient) -> None:
    asked = urlsplit(
        browser.get("/oidc/start?next=//evil.example", headers={"host": "evil.example"}).headers["location"]
    )

    assert parse_qs(asked.query)["redirect_uri"] == [f"{BASE}/oidc/return"]
    assert parse_qs(asked.query)["code_challenge_method"] == ["S256"]


def test_a_provider_that_is_away_is_said(tmp_path: Path) -> None:
    clock = Clock()
    sessions = Sessions(b"k" * 32, timedelta(hours=1), clock, is_https=False)
    away = Provider("http://127.0.0.1:1", "dashboard", "secret", "email")
    client = visitor(OidcLogin(away, BASE, Names(["*"], []), sessions, b"k" * 32), tmp_path, clock)

    answer = client.get("/oidc/start")

    assert (answer.status_code, "The provider does not answer" in answer.text) == (502, True)
