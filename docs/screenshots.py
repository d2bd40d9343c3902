"""`make screenshots`: retakes the pictures of the README.

It runs the whole system in a folder of its own for some minutes, and opens it in Chromium. Add here: a picture.
Not here: a test of what it shows.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import click
from playwright.sync_api import Browser, sync_playwright

from salesinsights_dagster.demo import Running, free_port, running_system
from salesinsights_dagster.settings import Settings, load_settings

IMAGES = Path(__file__).with_name("images")
CHROMIUM = "/usr/bin/chromium"
WALL = {"width": 1600, "height": 1000}
PHONE = {"width": 390, "height": 844}
SETTLE_MS = 6_000
EVENTS_A_MONTH = 400_000
LYING = {"asset-graph-direction": '"vertical"', "dagster-nav-collapsed": "true"}
"""What Dagster's UI stores in a browser to draw the graph so that all of it fits the picture."""
OPENED = [f"global@global:{group}" for group in ("sources", "bronze", "silver", "gold", "serving")]


@click.command()
@click.option("--minutes", default=8, show_default=True, help="How long the shop sells before the pictures are taken.")
@click.option("--rate", default=200, show_default=True, help="Events per second.")
def main(minutes: int, rate: int) -> None:
    """Write every picture to docs/images."""
    if not Path(CHROMIUM).exists():
        raise click.ClickException(f"{CHROMIUM} is missing: install it (Debian: apt-get install chromium)")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="salesinsights-pictures-") as home:
        settings = load_settings({"SALESINSIGHTS_HOME": home})
        _load_history(settings)
        with running_system(settings, free_port(3000), rate, click.echo) as running:
            time.sleep(60 * minutes)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                _take_all(browser, running)
                browser.close()


def _load_history(settings: Settings) -> None:
    """Load two past months: no model can predict customers who are a few minutes old."""
    command, this_month = str(Path(sys.executable).with_name("salesinsights")), datetime.now(UTC).date().replace(day=1)
    last = this_month - timedelta(days=1)
    months = [f"{(last.replace(day=1) - timedelta(days=1)):%Y-%m}", f"{last:%Y-%m}"]
    env = {**os.environ, "SALESINSIGHTS_HOME": str(settings.home)}
    for month in months:
        wanted = ["--month", month, "--events", str(EVENTS_A_MONTH), "--out", str(settings.archive_folder)]
        subprocess.run([command, "simulate", *wanted], env=env, check=True)
    subprocess.run([command, "backfill", "--from", months[0], "--to", months[1]], env=env, check=True)


def _take_all(browser: Browser, running: Running) -> None:
    _take(browser, f"{running.dashboard}/?theme=light", "live", WALL)
    _take(browser, f"{running.dashboard}/?theme=dark", "live-dark", WALL)
    _take(browser, f"{running.dashboard}/?theme=dark", "live-phone", PHONE)
    best = _ask(f"{running.dashboard}/api/top-products?span=hour")[0]["product_id"]
    _take(browser, f"{running.dashboard}/product?search={best}&theme=light", "product", WALL)
    _take(browser, f"{running.dashboard}/customers?theme=light", "customers", WALL)
    _take(browser, f"{running.dashboard}/health?theme=light", "health", WALL)
    _take(browser, f"{running.url}/asset-groups?expanded={quote(','.join(OPENED))}", "lineage", WALL, LYING)


def _ask(url: str) -> list[dict[str, object]]:
    with urllib.request.urlopen(url) as answer:  # noqa: S310
        rows: list[dict[str, object]] = json.load(answer)
    return rows


def _take(browser: Browser, url: str, name: str, size: dict[str, int], kept: dict[str, str] | None = None) -> None:
    page = browser.new_page(viewport=size)  # type: ignore[arg-type]
    page.add_init_script(f"Object.assign(localStorage, {json.dumps(kept or {})})")
    page.goto(url)
    page.wait_for_timeout(SETTLE_MS)
    if kept:
        # Close the list of groups: the graph moves to its place, away from the buttons over its right end.
        page.get_by_placeholder("Jump to").locator("xpath=following::button[1]").click()
    page.screenshot(path=IMAGES / f"{name}.png")
    page.close()
    click.echo(f"docs/images/{name}.png")


if __name__ == "__main__":
    main()
