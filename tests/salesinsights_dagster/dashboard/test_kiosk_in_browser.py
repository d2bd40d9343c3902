"""The Live page on a wall: nothing to click or to scroll, and it comes back after its dashboard does."""

from pathlib import Path

from playwright.sync_api import Page, expect

from assets.stream.stream_assets import Stream
from resources.lake import Lake
from salesinsights_dagster.demo import free_port
from tests.resources.mock_kafka import MockKafka
from tests.salesinsights_dagster.dashboard.conftest import serving
from tests.salesinsights_dagster.dashboard.test_views_in_browser import sell

SIZES = {"laptop": (1600, 900), "wall": (1920, 1080), "4k wall": (3840, 2160)}

LOWEST = """() => Math.max(...[...document.querySelectorAll(".si-main section")].map(
    card => card.getBoundingClientRect().bottom)) - innerHeight"""
"""By how many pixels the page is higher than the screen."""


def test_a_kiosk_fits_its_screen_and_outlives_its_dashboard(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, page: Page, tmp_path: Path
) -> None:
    sell(lake, stream, mock_kafka, topic)
    port = free_port(0)
    revenue = page.locator(".si-figure").first
    with serving(lake, tmp_path, {}, "/api/latency", port) as address:
        page.goto(f"{address}/?kiosk=1&span=today")
        expect(revenue).to_have_text("15.34", timeout=60_000)
        for hidden in (page.get_by_role("link"), page.get_by_role("button")):
            assert [one.inner_text() for one in hidden.all() if one.is_visible()] == []
        heights = list[float]()
        for width, height in SIZES.values():
            page.set_viewport_size({"width": width, "height": height})
            expect(page.get_by_text("Top 20 products by revenue")).to_be_in_viewport()
            assert page.evaluate(LOWEST) <= 0, (width, height)
            heights.append(revenue.bounding_box()["height"] / height)  # type: ignore[index]
        assert max(heights) < 1.4 * min(heights)
    sell(lake, stream, mock_kafka, topic)

    with serving(lake, tmp_path, {}, "/api/latency", port):
        expect(revenue).to_have_text("30.68", timeout=120_000)
