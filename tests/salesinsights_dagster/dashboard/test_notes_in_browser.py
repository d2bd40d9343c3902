"""Notes on the time axis: written on the page or by the API, seen as marks and in words, deleted with a trace."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from assets.stream.stream_assets import Stream
from assets.tables import NOTES
from assets.viewers.notes import LONGEST_NOTE
from resources.lake import Lake
from tests.hostile_texts import HOSTILE
from tests.lakes import rows
from tests.resources.mock_kafka import MockKafka
from tests.salesinsights_dagster.dashboard.test_login_in_browser import closed_dashboard, log_in
from tests.salesinsights_dagster.dashboard.test_views_in_browser import sell

__all__ = ["closed_dashboard"]

PIN = "path[fill='#12877b']"


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """A busy machine takes longer than a browser's five seconds."""
    expect.set_options(timeout=60_000)
    yield
    expect.set_options(timeout=5_000)


def asked(method: str, url: str, body: object = None) -> tuple[int, str]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_notes_are_marks_with_their_texts_whatever_they_say(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, dashboard: str, page: Page
) -> None:
    said = list[str]()
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    sell(lake, stream, mock_kafka, topic)
    today, short = datetime.now(UTC).date(), [text for text in HOSTILE if len(text) <= LONGEST_NOTE]
    texts = short[:18]
    for text in texts:
        assert asked("POST", f"{dashboard}/api/notes", {"text": text, "from": f"{today}"})[0] == 201
    assert asked("POST", f"{dashboard}/api/notes", {"text": "x", "from": "2026-11-27T00:00", "zone": "Mars"})[0] == 422
    page.goto(f"{dashboard}/?span=today")
    notes = page.get_by_role("list", name="Notes").get_by_role("listitem")
    expect(notes).to_have_count(len(texts))
    for shown, text in zip(notes.all(), reversed(texts), strict=True):
        expect(shown).to_contain_text(" ".join(text.split()))
    card = page.locator("section").filter(has_text="Revenue over time")
    expect(card.get_by_text("18 notes below")).to_be_visible()
    card.locator(PIN).last.hover(force=True)
    expect(card.locator("svg text").filter(has_text=f"{today:%d %b %Y} 00:00:").first).to_be_visible()
    assert page.evaluate("window.broken") is None

    card.get_by_text("Add a note").click()
    card.get_by_label("At (UTC)").fill(f"{today}T00:00")
    card.get_by_label("Until, if it lasted").fill(f"{today}T00:00")
    card.get_by_label("What happened").fill("Black Friday")
    card.get_by_role("button", name="Add", exact=True).click()
    expect(card.get_by_text("ends after that")).to_be_visible()
    card.get_by_label("Until, if it lasted").fill(f"{today}T23:00")
    card.get_by_role("button", name="Add", exact=True).click()
    expect(notes.first).to_contain_text("00:00 to ")
    card.get_by_role("button", name="Delete the note").first.click()

    expect(notes).to_have_count(len(texts))
    kept = rows(lake, NOTES).filter(note_id=len(texts) + 1).to_dicts()[0]
    assert (kept["text"], kept["deleted_at"] is None, kept["author"]) == (None, False, None)
    assert asked("DELETE", f"{dashboard}/api/notes/1")[0] == 204
    assert asked("DELETE", f"{dashboard}/api/notes/1")[0] == 404
    expect(notes).to_have_count(len(texts) - 1)
    assert (page.evaluate("window.broken"), said) == (None, [])


def test_with_a_login_readers_read_notes_and_admins_write_them(lake: Lake, closed_dashboard: str, page: Page) -> None:
    write = """async address => (await fetch(address, {method: "POST", headers: {"content-type": "application/json"},
        body: JSON.stringify({text: "prices up", from: "2026-11-27"})})).status"""
    assert asked("POST", f"{closed_dashboard}/api/notes", {"text": "x", "from": "2026-11-27"})[0] == 401
    that_day = f"{closed_dashboard}/?from=2026-11-27&to=2026-11-27"
    page.goto(that_day)
    log_in(page, "rob")
    expect(page.get_by_text("rob (reader)")).to_be_visible()
    expect(page.get_by_role("heading", name="Revenue over time")).to_be_visible()
    expect(page.get_by_text("Add a note")).to_have_count(0)
    assert page.evaluate(write, "/api/notes") == 403
    page.get_by_role("button", name="Log out").click()
    log_in(page, "ann")
    expect(page.get_by_text("ann (admin)")).to_be_visible()
    page.goto(that_day)
    expect(page.get_by_text("Add a note")).to_be_visible()

    assert page.evaluate(write, "/api/notes") == 201

    expect(page.get_by_text("27 Nov 2026 00:00: prices up (ann)")).to_be_visible()
    assert rows(lake, NOTES)["author"].to_list() == ["ann"]
