"""The Customers page as a marketing lead sees it, in a real browser."""

import csv
import io
import shutil
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from assets.customers.audience import Audience
from assets.customers.audiences import refresh_audiences
from assets.customers.clv_model import refit
from assets.customers.customer_value import refresh_customer_value
from assets.customers.options import ClvOptions
from assets.customers.sales_outlook import refresh_expected_sales
from assets.customers.segment_months import refresh_segments
from assets.tables import CUSTOMER_DAYS, CUSTOMER_VALUE, SESSIONS
from resources.lake import Lake
from tests.assets.customers.shoppers import FIRST, customer_days, regular_shop
from tests.lakes import rows
from tests.salesinsights_dagster.dashboard.conftest import is_wider_than_its_screen

WAIT = 60_000
VISITOR, STRANGER = 7_000_001, 7_000_002


def sold(lake: Lake) -> None:
    """A shop of three months, with the tables that the page shows."""
    lake.table(CUSTOMER_DAYS).append(customer_days(regular_shop(400, 90)), {})
    refit(lake, ClvOptions(), datetime.now(UTC))
    refresh_customer_value(lake)
    refresh_segments(lake)
    refresh_expected_sales(lake)


def visit(lake: Lake, user: int) -> None:
    """A session of ten minutes in which nothing was bought."""
    at = datetime.combine(FIRST, datetime.min.time(), UTC)
    done = {"views": 5, "carts": 1, "removals": 0, "purchases": 0, "returns": 0, "products": 3}
    moments = {"started_at": at, "ended_at": at + timedelta(minutes=9, seconds=30), "updated_at": at}
    row = {"user_id": user, "user_session": "a", **done, **moments, "event_date": FIRST, "outcome": "carted"}
    lake.table(SESSIONS).append(pl.DataFrame([{**row, "revenue": Decimal(0)}], schema=SESSIONS.schema), {})


def card(page: Page, title: str) -> Locator:
    return page.locator("section").filter(has=page.get_by_role("heading", name=title, exact=True))


def members(address: str) -> list[int]:
    with urllib.request.urlopen(address) as answer:
        return [int(row["user_id"]) for row in csv.DictReader(io.StringIO(answer.read().decode()))]


@pytest.fixture
def shop(lake: Lake, dashboard: str) -> str:
    sold(lake)
    return dashboard


def test_segments_say_who_is_in_them_what_is_expected_and_give_their_customers(
    lake: Lake, shop: str, page: Page
) -> None:
    page.goto(f"{shop}/customers")
    segments = card(page, "Segments")
    row = segments.get_by_role("row").filter(has=page.get_by_text("champions", exact=True))
    customers = rows(lake, CUSTOMER_VALUE)
    best = customers.filter(pl.col("segment") == "champions")

    expect(row).to_contain_text("bought on 4 days or more", timeout=WAIT)
    expect(row).to_contain_text(f"{best.height} {100 * best.height / customers.height:.1f} %")
    expect(row).to_contain_text(f"{best['revenue'].sum():,.0f}")
    expect(segments).to_contain_text("▲ and ▼ are since 30 Nov 2019")
    export = row.get_by_role("link", name="CSV: customers of champions").get_attribute("href")
    assert members(f"{shop}{export}") == sorted(best["user_id"])
    assert members(f"{shop}/api/customers/members?segment={quote('at risk')}&format=csv")
    expect(card(page, "Who became what")).to_contain_text("December 2019:")
    expect(card(page, "Expected sales").last).to_contain_text("90 days, customers to come")
    first = customers.sort("predicted_value", nulls_last=False).row(-1, named=True)
    interval = f"{first['predicted_value_low']:,} to {first['predicted_value_high']:,}"
    expect(card(page, "Customers to know")).to_contain_text(interval)

    page.get_by_label("What is meant: Lost").focus()
    expect(page.get_by_role("tooltip").filter(has_text="are not any more")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip").filter(has_text="are not any more")).to_be_hidden()


def test_audiences_are_counted_and_give_their_members(lake: Lake, shop: str, page: Page) -> None:
    page.goto(f"{shop}/customers")
    expect(card(page, "Audiences")).to_contain_text("No audience has members", timeout=WAIT)

    refresh_audiences(lake, {"best": Audience(segment=("champions",))}, datetime(2026, 1, 2, tzinfo=UTC))

    best = rows(lake, CUSTOMER_VALUE).filter(pl.col("segment") == "champions")
    row = card(page, "Audiences").get_by_role("row").filter(has=page.get_by_text("best", exact=True))
    expect(row).to_contain_text(f"{best.height:,}", timeout=WAIT)
    expect(row).to_contain_text("02 Jan 2026 00:00:00")
    export = row.get_by_role("link", name="CSV: members of best").get_attribute("href")
    assert members(f"{shop}{export}") == sorted(best["user_id"])
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{shop}/api/customers/audience?name=none")


def test_a_customer_is_searched_by_number(lake: Lake, shop: str, page: Page) -> None:
    best = rows(lake, CUSTOMER_VALUE).sort("revenue").row(-1, named=True)
    page.goto(f"{shop}/customers?theme=light")
    page.get_by_label("Customer number").fill(str(best["user_id"]))
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name=f"Customer {best['user_id']}: {best['segment']}")).to_be_visible(
        timeout=WAIT
    )
    expect(page).to_have_url(f"{shop}/customers?customer={best['user_id']}&theme=light")
    expect(card(page, "Revenue so far")).to_contain_text(f"{best['revenue']:,.2f}")
    expect(card(page, "Expected value")).to_contain_text(f"{best['predicted_value_high']:,.2f}")
    page.get_by_role("link", name="All customers").click()
    expect(card(page, "Segments")).to_be_visible(timeout=WAIT)


def test_a_number_that_nobody_has_and_one_of_who_only_looked_say_so(lake: Lake, shop: str, page: Page) -> None:
    visit(lake, VISITOR)
    page.goto(f"{shop}/customers?customer={STRANGER}")
    expect(page.get_by_text(f"No customer has the number {STRANGER}")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("Timeline")).to_be_hidden()

    page.goto(f"{shop}/customers?customer={VISITOR}")
    expect(page.get_by_text("Has visited the shop, and bought nothing yet.")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("row").filter(has_text="10 min: 5 views, 1 put in the cart")).to_be_visible()

    page.goto(f"{shop}/customers?customer=" + quote("<img src=x>"))
    expect(page.get_by_text("<img src=x> is no customer's number")).to_be_visible(timeout=WAIT)


def test_where_there_is_nothing_each_card_says_why(lake: Lake, dashboard: str, page: Page) -> None:
    page.goto(f"{dashboard}/customers")
    expect(card(page, "Segments")).to_contain_text("Nobody has bought anything yet.", timeout=WAIT)
    expect(card(page, "Left carts")).to_contain_text("Nothing is left in a cart.")
    expect(page.get_by_text("No past month can be tested yet").first).to_be_visible()

    lake.table(CUSTOMER_DAYS).append(customer_days({1: [(0, "5.00"), (3, "5.00")], 2: [(1, "4.00")]}), {})
    expect(card(page, "Segments")).to_contain_text("Not computed yet.", timeout=WAIT)
    expect(card(page, "Customers").first).to_contain_text("Not computed yet.")

    refit(lake, ClvOptions(), datetime.now(UTC))
    refresh_customer_value(lake)
    refresh_segments(lake)
    refresh_expected_sales(lake)
    why = "1 of 2 customers bought on a second day, and a prediction takes 30"
    expect(card(page, "Segments")).to_contain_text(why, timeout=WAIT)
    expect(card(page, "Customers to know")).to_contain_text(why)
    expect(card(page, "Customers").first).to_contain_text("No month before to compare with")


def test_while_the_lake_cannot_be_read_both_pages_say_so(lake: Lake, shop: str, page: Page, tmp_path: Path) -> None:
    page.goto(f"{shop}/customers")
    expect(card(page, "Segments")).to_contain_text("champions", timeout=WAIT)
    kept, root = tmp_path / "kept", Path(lake.root)
    shutil.copytree(root, kept)
    for log in root.rglob("_delta_log/*.json"):
        log.write_text("{")

    expect(page.get_by_text("The lake could not be read; what is shown is from before.")).to_be_visible(timeout=WAIT)
    expect(card(page, "Segments")).to_contain_text("champions")
    shutil.copytree(kept, root, dirs_exist_ok=True)
    expect(page.get_by_text("The lake could not be read; what is shown is from before.")).to_be_hidden(timeout=WAIT)

    for log in root.rglob("_delta_log/*.json"):
        log.write_text("{")
    page.goto(f"{shop}/product?search=1")
    expect(page.get_by_text("The lake could not be read; what is shown is from before.")).to_be_visible(timeout=WAIT)


def test_axe_finds_nothing_on_the_filled_page_and_nothing_is_cut(lake: Lake, shop: str, page: Page) -> None:
    faults = []
    for path, text in {"/customers?theme=light": "champions", "/customers?customer=1&theme=dark": "Timeline"}.items():
        page.goto(f"{shop}{path}")
        expect(page.get_by_text(text).first).to_be_visible(timeout=WAIT)
        for width in (1600, 800, 390, 3840):
            page.set_viewport_size({"width": width, "height": 900})
            faults += [f"{path} is wider than {width}"] * is_wider_than_its_screen(page)
            if width in (1600, 390):
                found = Axe().run(page)
                faults += [f"{path} {width}: {found.generate_report()}"] * bool(found.violations_count)

    assert faults == []
