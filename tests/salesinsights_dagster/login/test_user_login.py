"""Who may look with the file of users, by HTTP and by web socket."""

import json
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from salesinsights_dagster.login import user_file
from salesinsights_dagster.login.attempts import Attempts
from salesinsights_dagster.login.sessions import Sessions, session_key
from salesinsights_dagster.login.user_file import UserFile, UserFileError
from salesinsights_dagster.login.user_login import UserLogin
from tests.salesinsights_dagster.login.visitors import PASSWORD, Clock, visitor

PAGE = {"accept": "text/html"}
SOCKET = "/_nicegui_ws/socket.io/"
CLOSED = ["/", "/?span=today", "/health", "/openapi.json", "/api/totals", "/metrics", "/_nicegui/3/static/a.js", SOCKET]
LISTS = [
    "/api/customers/top_customers",
    "/api/customers/left_carts",
    "/api/customers/7/timeline",
    "/api/customers/members?segment=loyal",
    "/api/customers",
    "/api/customers/segments/",
    "/api/customers//segments",
]


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap = PasswordHasher.from_parameters(CHEAPEST)
    monkeypatch.setattr(user_file, "_HASHER", cheap)
    monkeypatch.setattr(user_file, "_NOBODY", cheap.hash("of nobody"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def users(tmp_path: Path) -> UserFile:
    found = UserFile(tmp_path / "users")
    found.put("ann", "admin", PASSWORD)
    found.put("rob", "reader", PASSWORD)
    return found


@pytest.fixture
def browser(tmp_path: Path, users: UserFile, clock: Clock) -> Callable[[], TestClient]:
    """Opens browsers of one dashboard."""
    sessions = Sessions(session_key(tmp_path), timedelta(hours=12), clock, is_https=False)
    way = UserLogin(users, sessions, Attempts(clock))
    return lambda: visitor(way, tmp_path, clock, "token")


def log_in(client: TestClient, name: str, password: str = PASSWORD, then: str = "/") -> TestClient:
    answer = client.post("/login", data={"name": name, "password": password, "next": then})
    assert (answer.status_code, answer.headers["location"]) == (303, then)
    return client


@pytest.mark.parametrize("path", CLOSED)
def test_who_is_not_known_gets_no_figure(browser: Callable[[], TestClient], path: str) -> None:
    asked, opened = browser().get(path), browser().get(path, headers=PAGE)

    assert (asked.status_code, opened.status_code) == (401, 303)
    assert opened.headers["location"].startswith("/login?next=%2F")
    assert "figures" not in asked.text + opened.text
    assert browser().post(path).status_code == 401


def test_a_socket_of_who_is_not_known_gets_nothing(browser: Callable[[], TestClient]) -> None:
    forged = {"cookie": "salesinsights=eyJuYW1lIjoiYW5uIn0.x"}
    for headers in ({}, forged):
        with pytest.raises(WebSocketDisconnect), browser().websocket_connect(SOCKET, headers=headers) as opened:
            opened.receive_text()


def test_a_host_that_looks_like_an_open_address_opens_nothing(browser: Callable[[], TestClient]) -> None:
    assert browser().get("/api/totals", headers={"host": "127.0.0.1/healthz?"}).status_code == 401


def test_who_logs_in_sees_the_page_that_was_wanted_until_the_session_ends(
    browser: Callable[[], TestClient], clock: Clock
) -> None:
    client = browser()
    form = client.get("/login", params={"next": "/health?theme=dark"})
    assert 'value="/health?theme=dark"' in form.text

    log_in(client, "ann", then="/health?theme=dark")

    page = client.get("/health", headers=PAGE)
    assert page.text == "figures"
    assert (page.headers["refresh"], page.headers["cache-control"]) == (str(12 * 3_600 + 1), "no-store")
    clock.now += timedelta(hours=12)
    assert client.get("/health").status_code == 401


def test_the_cookie_is_for_this_site_alone_and_no_script_reads_it(
    tmp_path: Path, users: UserFile, clock: Clock
) -> None:
    key = session_key(tmp_path)
    for is_https, said in ((False, "salesinsights="), (True, "__Host-salesinsights=")):
        way = UserLogin(users, Sessions(key, timedelta(hours=1), clock, is_https=is_https), Attempts(clock))
        cookie = log_in(visitor(way, tmp_path, clock), "ann").post("/logout").headers["set-cookie"]

        assert cookie.startswith(said)
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
        assert ("Secure" in cookie) == is_https
        assert "Domain" not in cookie
    assert stat.S_IMODE((tmp_path / "login.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "users").stat().st_mode) == 0o600
    assert session_key(tmp_path) == key


def test_a_session_of_another_key_counts_for_nothing(tmp_path: Path, users: UserFile, clock: Clock) -> None:
    ours, foreign = (Sessions(key * 32, timedelta(hours=1), clock, is_https=False) for key in (b"a", b"b"))
    client = log_in(visitor(UserLogin(users, foreign, Attempts(clock)), tmp_path, clock), "ann")
    assert client.get("/").status_code == 200

    moved = visitor(UserLogin(users, ours, Attempts(clock)), tmp_path, clock, cookies=client.cookies)

    assert moved.get("/").status_code == 401


def test_logging_out_ends_each_copy_of_the_cookie_and_takes_a_post(browser: Callable[[], TestClient]) -> None:
    client = log_in(browser(), "ann")
    copied = browser()
    copied.cookies = client.cookies
    assert (client.get("/logout").status_code, client.get("/").status_code) == (405, 200)

    assert client.post("/logout").headers["location"] == "/login"

    assert (client.get("/").status_code, copied.get("/").status_code) == (401, 401)


@pytest.mark.parametrize("change", ["removed", "password", "moment"])
def test_an_open_page_gets_nothing_more_when_its_visitor_may_not_look(
    browser: Callable[[], TestClient], users: UserFile, clock: Clock, change: str
) -> None:
    client = log_in(browser(), "rob")
    cookie = {"cookie": f"salesinsights={client.cookies['salesinsights']}"}
    with client.websocket_connect(SOCKET, headers=cookie) as opened:
        assert opened.receive_text() == "figures"
        opened.send_text("more")
        assert opened.receive_text() == "figures"

        if change == "removed":
            users.remove("rob")
        elif change == "password":
            users.put("rob", "reader", f"{PASSWORD} again")
        else:
            clock.now += timedelta(hours=12)
        opened.send_text("more")

        with pytest.raises(WebSocketDisconnect):
            opened.receive_text()
    assert client.get("/").status_code == 401


@pytest.mark.parametrize("path", LISTS)
def test_lists_of_customers_are_for_admins(browser: Callable[[], TestClient], path: str) -> None:
    assert log_in(browser(), "rob").get(path).status_code == 403
    assert log_in(browser(), "ann").get(path).status_code == 200


def test_a_reader_reads_all_the_rest_and_changes_nothing(browser: Callable[[], TestClient]) -> None:
    reader, admin = log_in(browser(), "rob"), log_in(browser(), "ann")

    assert {
        reader.get(path).status_code for path in ("/", "/customers", "/api/customers/segment_moves", "/metrics")
    } == {200}
    assert (reader.post("/api/notes").status_code, admin.post("/api/notes").status_code) == (403, 200)
    assert (reader.delete("/").status_code, admin.delete("/").status_code) == (403, 200)


def test_a_role_that_is_taken_away_counts_at_once(browser: Callable[[], TestClient], users: UserFile) -> None:
    users.put("eve", "admin", PASSWORD)
    client = log_in(browser(), "eve")
    text = users.path.read_text()
    users.path.write_text(text.replace("eve:admin", "eve:reader"))

    assert client.get("/api/customers/top_customers").status_code == 403


def test_each_export_is_written_down_before_it_is_given(browser: Callable[[], TestClient], tmp_path: Path) -> None:
    reader, admin = log_in(browser(), "rob"), log_in(browser(), "ann")
    reader.get("/api/totals")
    reader.get("/api/totals?format=csv")
    reader.get("/api/customers/top_customers?format=csv")
    admin.get("/api/customers/top_customers")

    log = [json.loads(line) for line in (tmp_path / "exports.jsonl").read_text().splitlines()]
    assert log == [
        {"at": "2026-11-27T00:00:00+00:00", "who": who, "what": what, "rows": rows, "from": "testclient"}
        for who, what, rows in (("rob", "/api/totals?format=csv", 2), ("ann", "/api/customers/top_customers", 7))
    ]
    assert stat.S_IMODE((tmp_path / "exports.jsonl").stat().st_mode) == 0o600

    (tmp_path / "exports.jsonl").unlink()
    (tmp_path / "exports.jsonl").mkdir()
    refused = reader.get("/api/totals?format=csv")
    assert (refused.status_code, "revenue" in refused.text) == (503, False)
    assert reader.get("/api/totals").status_code == 200


def test_what_watches_the_dashboard_is_answered(browser: Callable[[], TestClient]) -> None:
    client = browser()

    assert client.get("/healthz").text == "ok"
    assert client.get("/metrics", headers={"authorization": "Bearer token"}).status_code == 200
    assert client.get("/metrics", headers={"authorization": "Bearer other"}).status_code == 401
    assert client.get("/api/totals", headers={"authorization": "Bearer token"}).status_code == 401


def test_guessing_becomes_slow_for_the_name_and_for_the_address(
    browser: Callable[[], TestClient], clock: Clock
) -> None:
    client = browser()
    wrong = {"name": "ann", "password": "guess"}
    assert [client.post("/login", data=wrong).status_code for _ in range(4)] == [401, 401, 401, 429]
    right = {"name": "ann", "password": PASSWORD}
    assert client.post("/login", data=right).headers["retry-after"] == "1"
    assert client.post("/login", data={"name": "rob", "password": PASSWORD}).status_code == 429

    waits = []
    for _ in range(8):
        clock.now += timedelta(seconds=60)
        assert client.post("/login", data=wrong).status_code == 401
        waits.append(int(client.post("/login", data=right).headers["retry-after"]))
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]

    clock.now += timedelta(seconds=60)
    log_in(client, "ann")
    assert client.post("/login", data=wrong).status_code == 401


@pytest.mark.parametrize("name", ["ann", "nobody", "", "x" * 5_000, "<b>"])
def test_a_wrong_login_does_not_say_whether_there_is_such_a_user(browser: Callable[[], TestClient], name: str) -> None:
    answer = browser().post("/login", data={"name": name, "password": "wrong"})

    assert (answer.status_code, "Name or password is wrong." in answer.text) == (401, True)
    assert "<b>" not in answer.text


@pytest.mark.parametrize(
    "then", ["https://evil.example", "//evil.example", "/\\evil.example", "/\nx", "", "javascript:1"]
)
def test_the_login_leads_to_a_page_of_ours_alone(browser: Callable[[], TestClient], then: str) -> None:
    answer = browser().post("/login", data={"name": "ann", "password": PASSWORD, "next": then})

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("body", [b"", b"x" * 9_000])
def test_what_is_no_form_is_not_read(browser: Callable[[], TestClient], body: bytes) -> None:
    assert browser().post("/login", content=body).status_code == 413
    assert browser().post("/login", content=iter([b"name=ann"])).status_code == 413


def test_a_line_that_is_no_user_is_named_and_nobody_comes_in(
    browser: Callable[[], TestClient], users: UserFile
) -> None:
    client = log_in(browser(), "ann")
    users.path.write_text(users.path.read_text() + "eve:owner:secret\n")

    with pytest.raises(UserFileError, match="the line of 'eve' is not name:role:hash") as raised:
        client.get("/")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "password", "said"),
    [("a:b", PASSWORD, "is no user's name"), ("", PASSWORD, "is no user's name"), ("ann", "short", "too short")],
)
def test_a_user_needs_a_name_and_a_long_password(users: UserFile, name: str, password: str, said: str) -> None:
    with pytest.raises(UserFileError, match=said):
        users.put(name, "reader", password)
