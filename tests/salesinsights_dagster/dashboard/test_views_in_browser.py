"""What a viewer chooses on the Live page: it is in the address, and the back button takes it back."""

from datetime import UTC, datetime

from playwright.sync_api import Page, expect

from assets.stream.stream_assets import Stream
from resources.lake import Lake
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka


def sell(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    now = datetime.now(UTC).isoformat()
    mock_kafka.publish(topic, [event(product_id=4711, brand="irisk", price="12.34", event_time=now)])
    run(lake, stream)


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
