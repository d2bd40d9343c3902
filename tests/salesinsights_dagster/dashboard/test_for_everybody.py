"""Pages that everybody can use: by axe-core's rules, by keyboard, at any size, in both themes.

The suite looks at each page in both themes and in all sizes, but not at each size in both; a campaign
(`tests.campaign`) does.
"""

from datetime import UTC, datetime

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from assets.stream.stream_assets import Stream
from resources.lake import Lake
from tests.campaign import in_campaign
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka
from tests.salesinsights_dagster.dashboard.conftest import is_wider_than_its_screen

PAGES = {
    "/?span=today&brand=irisk&zone=Europe/Berlin": "Nothing is known",
    "/product?search=4711": "4711 irisk",
    "/product": "There is no catalogue",
    "/customers": "Not computed yet",
    "/health": "silver_events",
}
"""Each with a text that it shows once it has its figures."""

SIZES = {"laptop": (1600, 1000), "phone": (390, 844), "laptop at 200 %": (800, 500), "4k wall": (3840, 2160)}
THEMES = ("light", "dark")

IS_SEEN = """() => {
  const style = getComputedStyle(document.activeElement);
  return style.outlineStyle === "solid" || style.boxShadow.includes("inset");
}"""
"""Whether the focused element can be told from the others."""
NAMELESS = "() => [...document.querySelectorAll('.nicegui-echart')].filter(e => !e.ariaLabel).length"


def sell(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    now = datetime.now(UTC).isoformat()
    mock_kafka.publish(topic, [event(product_id=4711, brand="irisk", price="12.34", event_time=now), b"{}"])
    run(lake, stream)


def test_axe_finds_nothing_and_nothing_is_cut_on_any_page_size_and_theme(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, dashboard: str, page: Page
) -> None:
    sell(lake, stream, mock_kafka, topic)
    faults = dict[str, str]()
    for number, (path, text) in enumerate(PAGES.items()):
        for turn, theme in enumerate(THEMES, number):
            page.goto(f"{dashboard}{path}{'&' if '?' in path else '?'}theme={theme}")
            expect(page.get_by_text(text, exact=False).first).to_be_visible(timeout=60_000)
            for size in SIZES if in_campaign() else list(SIZES)[turn % 2 :: 2]:
                width, height = SIZES[size]
                page.set_viewport_size({"width": width, "height": height})
                found = Axe().run(page)
                if found.violations_count:
                    faults[f"{path} {theme} {size}"] = found.generate_report()
                if is_wider_than_its_screen(page):
                    faults[f"{path} {theme} {size} is wider than the screen"] = ""
        assert page.evaluate(NAMELESS) == 0

    assert faults == {}, "\n".join(f"{where}\n{what}" for where, what in faults.items())


def test_the_live_page_is_used_by_keyboard(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, dashboard: str, page: Page
) -> None:
    sell(lake, stream, mock_kafka, topic)
    page.goto(f"{dashboard}/?theme=light")
    expect(page.get_by_text("12.34").first).to_be_visible(timeout=60_000)
    names = list[str]()
    while len(names) < 60 and "Table: Rises" not in names:
        page.keyboard.press("Tab")
        focused = page.evaluate("() => document.activeElement.ariaLabel || document.activeElement.innerText.trim()")
        names.append(focused)
        assert page.evaluate(IS_SEEN), focused
        if focused == "7 days":
            page.keyboard.press("Enter")
            expect(page.get_by_text("7 days before", exact=True).first).to_be_visible(timeout=60_000)

    assert names[:6] == ["Live", "Product", "Customers", "Health", "Light or dark", "Last hour"]
    assert {"7 days before", "CSV: Revenue over time (UTC)", "Products", "Table: Rises"} <= set(names)
    expect(page).to_have_url(f"{dashboard}/?span=week&compare=before&theme=light")
    assert page.evaluate("document.documentElement.lang") == "en-US"
