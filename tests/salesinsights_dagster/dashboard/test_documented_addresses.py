"""Each address that docs/dashboard.md names answers, and the description of the API is one that can be read."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).resolve().parents[3] / "docs" / "dashboard.md"


def documented(text: str) -> Iterator[str]:
    """The addresses in backticks; in a table's first cell, a bare name stands for the last part of the one before."""
    base = None
    for line in text.splitlines():
        base = base if line.startswith("|") else None
        cell = line.split("|")[1] if line.startswith("|") else line
        for name in re.findall(r"`([^`]+)`", cell):
            if name.startswith("/"):
                base = name
                yield name
            elif base and line.startswith("|") and re.fullmatch(r"[a-z_]+", name):
                yield f"{base.rpartition('/')[0]}/{name}"


def answer(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=30) as found:
            return found.status, found.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


def settled_answer(url: str) -> int:
    """The status once the dashboard has had its first look: until then it is 503."""
    deadline = time.monotonic() + 240
    while (status := answer(url)[0]) == 503 and time.monotonic() < deadline:
        time.sleep(0.2)
    return status


def saved_as(url: str) -> tuple[str, str]:
    """The type of the answer as CSV, and what it is saved as."""
    with urllib.request.urlopen(f"{url}{'&' if '?' in url else '?'}format=csv", timeout=30) as found:
        return found.headers["content-type"], found.headers["content-disposition"]


def test_every_documented_address_answers_and_gives_csv(dashboard: str) -> None:
    named = list(documented(DOCS.read_text()))

    refused = {name: status for name in named if (status := settled_answer(dashboard + name)) != 200}

    assert {"/", "/health", "/openapi.json", "/metrics", "/api/products/5773203/funnel"} <= set(named)
    assert refused == {}
    described = json.loads(answer(f"{dashboard}/openapi.json")[1])["paths"]
    assert {"/api/totals", "/api/health/{part}", "/metrics"} <= set(described)
    assert [path for path in described if "nicegui" in path] == []

    files = {name: saved_as(dashboard + name) for name in named if name.startswith("/api/")}

    assert [name for name, (kind, _) in files.items() if not kind.startswith("text/csv")] == []
    assert len({saved for _, saved in files.values()}) == len(files)
    assert files["/api/top-products?span=today"][1] == 'attachment; filename="top-products-today.csv"'
    assert files["/api/products/5773203/days"][1] == 'attachment; filename="products-5773203-days.csv"'


def test_a_malformed_host_is_a_bad_request(dashboard: str) -> None:
    asked = urllib.request.Request(f"{dashboard}/api/latency", headers={"Host": "["})
    try:
        with urllib.request.urlopen(asked) as found:
            status = found.status
    except urllib.error.HTTPError as error:
        status = error.code

    assert status == 400
