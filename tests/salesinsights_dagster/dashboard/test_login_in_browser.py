"""Logging in at the dashboard, in a real browser: as a reader, as an admin, and not at all."""

import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner
from playwright.sync_api import Page, expect

from assets.stream.stream_assets import Stream
from resources.lake import Lake
from salesinsights_dagster.cli import main
from salesinsights_dagster.login.rules import role_for
from salesinsights_dagster.login.ways import users_of
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka
from tests.salesinsights_dagster.dashboard.conftest import serving

PASSWORD = "correct horse battery"  # noqa: S105
SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket&client_id=1&implicit_handshake=true"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture
def closed_dashboard(lake: Lake, tmp_path: Path) -> Iterator[str]:
    """A dashboard that asks for a login, of the reader rob and the admin ann."""
    for name, role in (("ann", "admin"), ("rob", "reader")):
        options = ["user", "add", name, "--role", role]
        said = f"{PASSWORD}\n{PASSWORD}\n"
        added = CliRunner().invoke(main, options, input=said, env={"SALESINSIGHTS_HOME": str(tmp_path)})
        assert added.exit_code == 0, added.output
    with serving(lake, tmp_path, {"SALESINSIGHTS_LOGIN": "users"}, "/login") as address:
        yield address


def socket_status(address: str, path: str = SOCKET) -> int:
    """What a web socket that nobody logged in for is answered."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request("GET", path, headers=UPGRADE)
    return connection.getresponse().status


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def exported(page: Page, address: str) -> int:
    """The status of what the page's own visitor asks for, who says to come from elsewhere."""
    asked = "async address => (await fetch(address, {headers: {'x-forwarded-for': '10.9.9.9'}})).status"
    status: int = page.evaluate(asked, address)
    return status


def test_who_logs_in_sees_figures_by_role_and_nobody_else_does(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, closed_dashboard: str, page: Page, tmp_path: Path
) -> None:
    sold = event(product_id=4711, brand="irisk", price="12.34", event_time=datetime.now(UTC).isoformat())
    mock_kafka.publish(topic, [sold])
    run(lake, stream)
    assert socket_status(closed_dashboard) == 403

    page.goto(f"{closed_dashboard}/?span=week")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    log_in(page, "rob", "wrong password")
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    log_in(page, "rob")

    expect(page).to_have_url(f"{closed_dashboard}/?span=week")
    expect(page.get_by_text("12.34").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("rob (reader)")).to_be_visible()
    assert exported(page, "/api/totals?format=csv") == 200
    assert exported(page, "/api/customers/top_customers?format=csv") == 403

    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    assert exported(page, "/api/totals") == 401
    log_in(page, "ann")
    expect(page.get_by_text("ann (admin)")).to_be_visible(timeout=60_000)
    assert exported(page, "/api/customers/top_customers?format=csv") == 200
    log = [json.loads(line) for line in (tmp_path / "exports.jsonl").read_text().splitlines()]
    assert [(line["who"], line["what"]) for line in log] == [
        ("rob", "/api/totals?format=csv"),
        ("ann", "/api/customers/top_customers?format=csv"),
    ]
    assert {line["from"] for line in log} == {"127.0.0.1"}
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_a_reader_sees_no_link_that_would_be_refused(closed_dashboard: str, page: Page) -> None:
    page.goto(f"{closed_dashboard}/customers")
    log_in(page, "rob")

    links = "a[href^='/api/customers']"
    expect(page.locator("a[href^='/api/customers/value_bands']")).to_be_visible(timeout=60_000)
    expect(page.locator("a[href^='/api/customers/expected_customers']")).to_have_count(1)
    seen = {link.get_attribute("href") for link in page.locator(links).all() if link.is_visible()}
    assert [place for place in seen if place and role_for("GET", place.partition("?")[0]) == "admin"] == []


def test_an_open_page_of_a_removed_user_shows_no_new_sale(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, closed_dashboard: str, page: Page, tmp_path: Path
) -> None:
    page.goto(closed_dashboard)
    log_in(page, "rob")
    expect(page.get_by_text("Nothing was sold yet")).to_be_visible(timeout=60_000)
    users_of(tmp_path).remove("rob")
    mock_kafka.publish(topic, [event(price="12.34", event_time=datetime.now(UTC).isoformat())])
    run(lake, stream)

    expect(page.get_by_text("Connection lost")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("12.34")).to_have_count(0)
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()
