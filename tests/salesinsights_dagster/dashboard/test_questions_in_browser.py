"""The ten questions of docs/dashboard.md, each answered in three clicks at most."""

import json
import re
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from assets.stream.stream_assets import Stream
from assets.tables import SAVED_VIEWS
from resources.lake import Lake
from salesinsights_dagster.dashboard.range_button import named_range
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

DAY = timedelta(days=1)
WEEK = 7 * DAY
RECENTLY = timedelta(minutes=20)
"""Movers of days end with a whole quarter of an hour, those of the last hour begin an hour before now."""


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """A busy machine takes longer than a browser's five seconds."""
    expect.set_options(timeout=60_000)
    yield
    expect.set_options(timeout=5_000)


def weeks(now: datetime) -> list[tuple[datetime, str, str]]:
    """Sales on Mondays: irisk falls to a tenth in this week, runail rises; and a sale of yesterday."""
    monday = datetime.combine(now.date() - timedelta(days=now.weekday()), time(), UTC) + timedelta(seconds=1)
    sold = [(monday - number * WEEK, brand, price) for number in range(1, 6) for brand, price in USUAL.items()]
    yesterday = datetime.combine(now.date() - timedelta(days=1), time(12), UTC)
    return [*sold, (monday, "irisk", "10.00"), (monday, "runail", "60.00"), (yesterday, "kodi", "7.00")]


USUAL = {"irisk": "100.00", "runail": "50.00"}


def test_questions_of_a_category_manager_take_three_clicks(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, dashboard: str, page: Page
) -> None:
    now = datetime.now(UTC)
    sold = weeks(now)
    numbers = {"irisk": 1, "runail": 2, "kodi": 3}
    mock_kafka.publish(
        topic,
        [
            event(event_time=at.isoformat(), brand=brand, price=price, product_id=numbers[brand])
            for at, brand, price in sold
        ],
    )
    run(lake, stream)
    page.goto(dashboard)
    page.get_by_role("button", name="Other time").click()
    page.get_by_role("button", name="Since Monday").click()
    page.get_by_role("button", name="Brands", exact=True).click()
    fell = page.get_by_role("region", name="Table: Falls").locator("tbody tr").first
    expect(fell).to_contain_text(re.compile("irisk.*10.00.*100.00.*90 %"))

    page.get_by_role("button", name="Views", exact=True).click()
    page.get_by_label("Name of what is shown").fill("Since <b>Monday</b>")
    page.get_by_role("button", name="Save", exact=True).click()
    saved = page.get_by_role("link", name="Since <b>Monday</b>")
    expect(saved).to_be_visible()
    page.goto(dashboard)
    page.get_by_role("button", name=re.compile("^(?!Since|Show).* 20[0-9][0-9]|Other time")).click()
    page.get_by_role("group", name="Other time").get_by_role("button", name="Yesterday", exact=True).click()
    yesterday = now.date() - timedelta(days=1)
    brought = sum((Decimal(price) for at, _, price in sold if at.date() == yesterday), Decimal())
    expect(page.locator(".si-figure").first).to_have_text(f"{brought:,.2f}")

    page.get_by_role("button", name="Views", exact=True).click()
    saved.click()
    expect(page).to_have_url(re.compile("span=range.*from="))
    top = page.locator("section").filter(has_text="Top 20 products by revenue")
    top.locator("svg path[fill='#6d63f5']").last.click()
    page.get_by_role("link", name="About this product").click()
    expect(page.get_by_role("heading", name="Bought in the same orders")).to_be_visible()

    page.goto(dashboard)
    page.get_by_role("button", name="Views", exact=True).click()
    page.get_by_role("button", name="Delete the view: Since <b>Monday</b>").click()
    expect(page.get_by_text("No view is saved yet.")).to_be_visible()
    assert rows(lake, SAVED_VIEWS).is_empty()
    page.get_by_label("Time zone").fill("Tokyo")
    page.get_by_role("option", name="Asia/Tokyo").click()
    expect(page.get_by_role("heading", name="Revenue over time (Asia/Tokyo)")).to_be_visible()
    assert saved_by_api(dashboard, "span=week&brand=irisk") == "span=week&compare=before&brand=irisk"


def shop_of_weeks(now: datetime) -> list[bytes]:
    """loreal is sold every week at this time, kodi was sold a week ago at midnight, and today; three look at a lamp."""
    recently, midnight = now - RECENTLY, datetime.combine(now.date(), time(), UTC)
    sold = [(recently - number * WEEK, "loreal", "30.00") for number in range(1, 5)]
    sold += [(recently, "loreal", "90.00"), (midnight - WEEK, "kodi", "80.00"), (midnight, "kodi", "20.00")]
    sold += [(now - timedelta(days=100), "old", "1.00")]
    numbers = {"loreal": 5, "kodi": 6, "old": 7}
    looked = [event(event_type="view", event_time=recently.isoformat(), user_id=user) for user in (1, 2, 3)]
    return [
        *looked,
        *(
            event(event_time=at.isoformat(), brand=brand, price=price, product_id=numbers[brand], user_id=9)
            for at, brand, price in sold
        ),
    ]


def test_questions_about_today_and_about_a_month_take_three_clicks(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, dashboard: str, page: Page
) -> None:
    now = datetime.now(UTC)
    mock_kafka.publish(topic, shop_of_weeks(now))
    run(lake, stream)
    campaign = {"text": "Black week", "from": f"{now.date() - 3 * DAY}", "to": f"{now.date() - DAY}"}
    assert posted(f"{dashboard}/api/notes", campaign)["note_id"] == 1

    # How many of those who are in the shop now buy? What sells more than usual at this moment?
    page.goto(dashboard)
    live = page.locator("section").filter(has_text="Live now")
    expect(live).to_contain_text("60 minutes: 25.00 %")
    rises = page.get_by_role("region", name="Table: Rises").locator("tbody tr").first
    expect(rises).to_contain_text(re.compile("loreal.*90.00.*30.00.*200 %"))

    # What will today bring? How is it, beside the same weekday last week? At midnight today is another day.
    page.get_by_role("button", name="Today", exact=True).click()
    over_time = page.locator("section").filter(has_text="Revenue over time")
    expect(over_time).to_contain_text(re.compile(r"expected by midnight: \d[\d,]*\.\d\d"))
    page.get_by_role("button", name="Last week", exact=True).click()
    expect(page.get_by_text("this weekday last week").first).to_be_visible()
    is_just_after_midnight = now - RECENTLY < datetime.combine(now.date(), time(), UTC)
    tile = page.locator(".si-tile, .si-card").filter(has=page.get_by_role("heading", name="Revenue", exact=True)).first
    expect(tile).to_contain_text("20.00" if is_just_after_midnight else "110.00")

    # How does this month go for the brand that rose most?
    page.goto(dashboard)
    page.get_by_role("button", name="30 days", exact=True).click()
    page.get_by_role("button", name="Brands", exact=True).click()
    expect(rises).to_contain_text(re.compile("loreal.*210.00.*new"))
    rises.get_by_role("link", name="loreal").click()
    expect(page.locator(".si-figure").first).to_have_text("210.00")

    # What did the campaign bring?
    page.goto(dashboard)
    page.get_by_role("button", name="30 days", exact=True).click()
    expect(page.get_by_text("the 30 days before").first).to_be_visible()
    expect(page.get_by_role("list", name="Notes")).to_contain_text("Black week")
    expect(over_time.locator("svg path[fill-opacity='0.12']").first).to_be_visible()


def saved_by_api(dashboard: str, query: str) -> str:
    return str(posted(f"{dashboard}/api/views", {"name": "by the API", "query": query})["query"])


def posted(address: str, body: dict[str, str]) -> dict[str, object]:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        answered: dict[str, object] = json.load(answer)
    return answered


def test_times_with_a_name_are_those_of_the_calendar() -> None:
    friday = date(2026, 11, 27)

    assert named_range("Yesterday", friday) == ("2026-11-26", "2026-11-26")
    assert named_range("Since Monday", friday) == ("2026-11-23", "2026-11-27")
    assert named_range("Since Monday", date(2026, 11, 23)) == ("2026-11-23", "2026-11-23")
    assert named_range("This month", friday) == ("2026-11-01", "2026-11-27")
