"""A dashboard of a test's own, and a real browser to look at it.

Add here: how they are started and stopped, or what any page is asked. Not here: a test.
"""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, TimeoutError, sync_playwright

from resources.lake import Lake
from salesinsights_dagster.demo import free_port

CHROMIUM = Path("/usr/bin/chromium")
_FITS = "() => document.scrollingElement.scrollWidth <= document.scrollingElement.clientWidth"
MISSING = "Chromium is missing: apt-get install chromium"


@pytest.fixture
def dashboard(lake: Lake, tmp_path: Path) -> Iterator[str]:
    """The address of a dashboard of `lake`, in a process of its own."""
    with serving(lake, tmp_path, {}, "/api/latency") as address:
        yield address


@contextmanager
def serving(
    lake: Lake, home: Path, settings: dict[str, str], open_address: str, port: int | None = None
) -> Iterator[str]:
    """A dashboard with these settings, on a free port or on this one, once it answers `open_address`."""
    port = port or free_port(0)
    command = [str(Path(sys.executable).with_name("salesinsights")), "dashboard", "--port", str(port)]
    env = {**os.environ, "SALESINSIGHTS_HOME": str(home), "SALESINSIGHTS_LAKE": lake.root, **settings}
    # NiceGUI starts differently if it sees that a test runs.
    env.pop("PYTEST_CURRENT_TEST", None)
    with (home / "dashboard.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:
        _await(f"http://127.0.0.1:{port}{open_address}", home / "dashboard.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _await(url: str, log: Path) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the dashboard did not come up: {log.read_text()}")


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of headless Chromium in which no request may leave this machine."""
    if not CHROMIUM.exists():
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page()
        outside: list[str] = []
        opened.on("request", lambda asked: outside.append(asked.url) if _is_outside(asked.url) else None)
        yield opened
        browser.close()
    assert outside == []


def is_wider_than_its_screen(page: Page) -> bool:
    """Whether the page stays wider: a chart follows its window a moment later, and on a busy machine after seconds."""
    try:
        page.wait_for_function(_FITS, timeout=15_000)
    except TimeoutError:
        return True
    return False


def _is_outside(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))
