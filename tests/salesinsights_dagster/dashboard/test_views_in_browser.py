"""What a viewer chooses on the Live page: it is in the address, and the back button takes it back."""

import re
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from assets.stream.stream_assets import Stream
from resources.lake import Lake
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """A busy machine takes longer than a browser's five seconds."""
    expect.set_options(timeout=60_000)
    yield
    expect.set_options(timeout=5_000)


def sell(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> datetime:
    """Sell three products; return when. The next midnight may come before a page shows them."""
    now = datetime.now(UTC)
    sold = [(4711, "irisk", "12.34"), (4712, "irisk", "2.00"), (4713, "runail & co", "1.00")]
    mock_kafka.publish(
        topic, [event(product_id=n, brand=brand, price=price, event_time=now.isoformat()) for n, brand, price in sold]
    )
    run(lake, stream)
    return now


def test_the_address_says_what_is_shown_and_the_back_button_takes_it_back(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, dashboard: str, page: Page
) -> None:
    sell(lake, stream, mock_kafka, topic)
    page.goto(f"{dashboard}/?span=fortnight")
    expect(page.get_by_text("span=fortnight is unknown: choose one of hour")).to_be_visible(timeout=60_000)
    page.goto(f"{dashboard}/?span=today&theme=dark")
    expect(page.get_by_text("expected by midnight").or_(page.get_by_text("no forecast"))).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="7 days", exact=True).click()
    expect(page).to_have_url(f"{dashboard}/?span=week&compare=before&theme=dark")
    page.get_by_role("button", name="Last year").click()
    expect(page).to_have_url(f"{dashboard}/?span=week&compare=year&theme=dark")
    expect(page.get_by_text("these days last year").first).to_be_visible()

    page.go_back()

    expect(page.get_by_text("the 7 days before").first).to_be_visible()
    expect(page.get_by_role("button", name="7 days before")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect(page.get_by_text("no forecast")).to_be_visible()
    expect(page).to_have_url(f"{dashboard}/?span=today&theme=dark")
    page.go_forward()
    expect(page.get_by_text("the 7 days before").first).to_be_visible()


def test_a_time_is_chosen_freely_by_a_form(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, dashboard: str, page: Page
) -> None:
    day = sell(lake, stream, mock_kafka, topic).date()
    page.goto(f"{dashboard}/?span=week")
    page.get_by_role("button", name="Other time").click(timeout=60_000)
    page.get_by_label("From", exact=True).fill(f"{day}T08:00")
    page.get_by_label("Until", exact=True).fill(f"{day}T07:00")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("is not before")).to_be_visible()
    page.get_by_label("From", exact=True).fill(f"{day}T00:00")
    page.get_by_label("Until", exact=True).fill(f"{day + timedelta(days=1)}T00:00")

    page.get_by_role("button", name="Show").click()

    expect(page).to_have_url(re.compile(rf"span=range&compare=before&from={day}T00%3A00&to="))
    expect(page.locator(".si-figure").first).to_have_text("15.34", timeout=60_000)
    expect(page.get_by_role("button", name=f"{day:%-d %b %Y}")).to_be_visible()
    page.get_by_role("button", name="7 days", exact=True).click()
    expect(page.get_by_role("button", name="Other time")).to_be_visible()


def test_filters_are_set_by_a_click_shown_as_chips_and_taken_away(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, dashboard: str, page: Page
) -> None:
    sell(lake, stream, mock_kafka, topic)
    page.goto(f"{dashboard}/?span=week")
    revenue = page.locator(".si-figure").first
    expect(revenue).to_have_text("15.34", timeout=60_000)
    top = page.locator("section").filter(has_text="Top 20 products by revenue")
    top.get_by_text("Table", exact=True).click()

    top.get_by_role("link", name="irisk").first.click()

    expect(page).to_have_url(f"{dashboard}/?span=week&compare=before&brand=irisk")
    expect(revenue).to_have_text("14.34")
    top.locator("svg path[fill='#6d63f5']").last.click()
    expect(page).to_have_url(f"{dashboard}/?span=week&compare=before&brand=irisk&product=4711")
    expect(revenue).to_have_text("12.34")
    now = page.locator("section").filter(has_text="Live now")
    expect(now).to_contain_text("by 1 visitor; 60 minutes: 15.34 by 1")
    expect(now).to_contain_text("100.00 %")
    now.get_by_role("button", name="What is meant: Conversion").focus()
    expect(now.get_by_text("Buyers per 100 visitors of the same minutes.")).to_be_visible()
    chips = page.get_by_role("group", name="Filters")
    expect(chips.get_by_role("button")).to_have_text([re.compile("Brand: irisk"), re.compile("Product: 4711")])
    expect(chips.get_by_role("link", name="About this product")).to_have_attribute("href", "/product?search=4711")
    chips.get_by_role("button", name="Take away the filter: product 4711").press("Enter")
    expect(revenue).to_have_text("14.34")
    page.go_back()
    expect(revenue).to_have_text("12.34")

    page.goto(f"{dashboard}/?span=week&brand=runail+%26+co")

    expect(revenue).to_have_text("1.00")
    expect(page.get_by_text("Brand: runail & co")).to_be_visible()
    csv = page.get_by_role("link", name="CSV: Top 20 products by revenue").get_attribute("href")
    with urllib.request.urlopen(f"{dashboard}{csv}") as answer:
        assert answer.read().decode().split()[1].startswith("4713,")


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> ZoneInfo:
    """The zone of a shop whose dashboard is started next."""
    monkeypatch.setenv("SALESINSIGHTS_TIME_ZONE", "Asia/Kathmandu")
    monkeypatch.setenv("SALESINSIGHTS_CURRENCY", "NPR")
    return ZoneInfo("Asia/Kathmandu")


def test_days_and_clocks_are_those_of_the_shop_or_of_the_address(
    far_away: ZoneInfo, lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, dashboard: str, page: Page
) -> None:
    sold_at = sell(lake, stream, mock_kafka, topic)
    day = f"{sold_at.astimezone(far_away):%d\u00a0%b\u00a0%Y}"
    page.goto(f"{dashboard}/?span=week")
    expect(page.locator(".si-figure").first).to_have_text("15.34", timeout=60_000)
    expect(page.get_by_role("heading", name="Revenue (NPR)")).to_be_visible()
    time = page.locator("section").filter(has_text="Revenue over time (Asia/Kathmandu)")
    time.get_by_text("Table", exact=True).click()
    expect(time.get_by_role("cell", name=f"{day} 00:00:00")).to_be_visible()

    page.goto(f"{dashboard}/?span=week&zone=Europe/Berlin")

    chips = page.get_by_role("group", name="Filters")
    expect(page.get_by_role("heading", name="Revenue over time (Europe/Berlin)")).to_be_visible(timeout=60_000)
    chips.get_by_role("button", name="Back from Europe/Berlin to the shop's time zone").click()
    expect(page).to_have_url(f"{dashboard}/?span=week&compare=before")
    expect(page.get_by_role("heading", name="Revenue over time (Asia/Kathmandu)")).to_be_visible(timeout=60_000)
    page.goto(f"{dashboard}/product?search=4711")
    expect(page.get_by_text("Revenue (NPR) of 30 days (Asia/Kathmandu)")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("4711 irisk")).to_be_visible(timeout=60_000)
