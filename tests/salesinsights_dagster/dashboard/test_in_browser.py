"""The dashboard as people see it, in a real browser."""

import csv
import io
import json
import re
import time
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

import polars as pl
import pytest
from confluent_kafka import Producer
from playwright.sync_api import Locator, Page, expect

from assets.customers.customer_value import refresh_customer_value
from assets.products.catalog import load_catalog
from assets.stream.stream_assets import Stream
from assets.tables.topics import events_topic
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader
from resources.kafka_topics import ensure_topic
from resources.lake import Lake
from tests.assets.visitors.visits import follow
from tests.conftest import event
from tests.hostile_texts import HOSTILE, REFUSED
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka


def now() -> str:
    return datetime.now(UTC).isoformat()


def figures(page: Page, address: str) -> None:
    """The page with its figures on it."""
    page.goto(address)
    expect(page.get_by_text("the hour before:").first).to_be_visible(timeout=60_000)


def best_products(page: Page) -> Locator:
    """The card of the top 20 products, its table opened."""
    card = page.locator("section").filter(has_text="Top 20 products by revenue")
    card.get_by_text("Table", exact=True).click()
    return card


def found_products(page: Page) -> Locator:
    """The card of the products that match what was searched for."""
    return page.locator("section").filter(has_text="Matching products, last 30 days")


def test_texts_are_shown_as_text_whatever_they_say(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, dashboard: str, page: Page
) -> None:
    """On every page: in its tables, where the mouse goes over its charts, and in what it says to the console."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    texts = dict(enumerate(HOSTILE, 1_000))
    for begin in range(1_000, 1_000 + len(texts), 20):
        newest = {number: texts[number] for number in range(begin, begin + 20) if number in texts}
        mock_kafka.publish(topic, [sale_of(number, text) for number, text in newest.items()])
        mock_kafka.publish(topic, [event(event_type=text, event_id=text) for text in newest.values()])
        run(lake, stream)
        figures(page, dashboard)
        top = best_products(page)
        assert_listed(top, newest)
        shown = tips(top)
        assert [text for text in HOSTILE if len(text) > 30 and text in shown]
        page.goto(f"{dashboard}/product?search={begin}")
        expect(page.get_by_text("Revenue of 30 days (UTC)")).to_be_visible(timeout=60_000)
        page.goto(f"{dashboard}/product?search={quote(texts[begin + 1])}")
        assert_listed(found_products(page), {begin + 1: texts[begin + 1]})
        assert page.evaluate("window.broken") is None
    mock_kafka.publish(topic, [sale_of(1, text) for text in REFUSED])
    run(lake, stream)
    follow(lake)
    refresh_customer_value(lake)
    load_catalog(lake, pl.DataFrame({"product_id": texts.keys(), "name": texts.values()}), datetime.now(UTC))

    page.goto(dashboard)
    expect(page.get_by_text("@SUM(1+1)", exact=True).first).to_be_visible(timeout=60_000)
    buyer, bought = next((number, text) for number, text in texts.items() if text.startswith("<img"))
    others = {
        "customers": ["Customers by revenue so far", "Up to"],
        f"customers?customer={buyer}": [f"1 item: {buyer} {bought}"],
        "health": ["unknown_event_type", "bad_text", "text_too_long"],
    }
    for name, words in others.items():
        page.goto(f"{dashboard}/{name}")
        for word in words:
            expect(page.get_by_text(word).first).to_be_visible(timeout=60_000)
    for ten in range(100, 105):
        page.goto(f"{dashboard}/product?search={ten}")
        assert_listed(found_products(page), {n: text for n, text in texts.items() if n // 10 == ten}, "{name} ({n})")
    found_products(page).locator("tbody a").first.click()
    expect(page.get_by_text("Revenue of 30 days (UTC)")).to_be_visible(timeout=60_000)

    assert page.evaluate("window.broken") is None
    assert said == []


def sale_of(number: int, text: str) -> bytes:
    """With the text wherever an event has one. The product with the highest number has the highest revenue."""
    texts = {"brand": text, "category_code": text, "user_session": text}
    return event(**texts, product_id=number, user_id=number, price=number * number, event_time=now())


def tips(card: Locator) -> str:
    """What the chart says of the bars that the mouse goes over. It cuts long names beside its bars, but not there."""
    drawn, said = card.locator("svg").first, ""
    for y in range(10, 600, 30):
        drawn.hover(position={"x": 250, "y": y})
        said += drawn.text_content() or ""
    return said


def assert_listed(card: Locator, brands: Mapping[int, str], label: str = "{n}") -> None:
    """The card's table has these products: each by its label, and with exactly its brand."""
    for number, brand in brands.items():
        row = card.locator("tbody tr").filter(has_text=str(number))
        expect(row).to_be_visible(timeout=60_000)
        cells = row.locator("td").all_text_contents()
        assert cells[:2] == [label.format(n=number, name=brand), brand]


def test_a_shop_without_sales_says_so(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, dashboard: str, page: Page
) -> None:
    page.goto(dashboard)
    expect(page.get_by_text("Nothing was sold yet")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Nothing was sold in this span").first).to_be_visible(timeout=60_000)

    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    producer = Producer(mock_kafka.connection.options())
    producer.produce(topic, event(), b"1", 0, timestamp=int(long_ago.timestamp() * 1_000))
    assert producer.flush(20) == 0
    run(lake, Stream(stream.open_reader, lambda: long_ago, 1_000, 45))

    expect(page.get_by_text(re.compile(r"^No sale for \d+ "))).to_be_visible(timeout=60_000)


def test_a_product_is_found_by_its_brand_and_shown_by_its_number(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, dashboard: str, page: Page
) -> None:
    mock_kafka.publish(topic, [event(product_id=4711, brand="irisk", price="12.34", event_time=now())])
    run(lake, stream)
    page.goto(f"{dashboard}/product")
    page.get_by_label("Product number, name or brand").fill("IRIS")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="4711")).to_contain_text("12.34", timeout=60_000)
    expect(page.get_by_text("Revenue of 30 days (UTC)")).to_be_hidden()

    page.get_by_label("Product number, name or brand").fill("4711")
    page.keyboard.press("Enter")

    expect(page.get_by_text("4711 irisk")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Revenue of 30 days (UTC)")).to_be_visible()
    with urllib.request.urlopen(f"{dashboard}/api/products/4711/days?format=csv") as answer:
        rows = list(csv.DictReader(io.StringIO(answer.read().decode())))
    assert [(row["units"], row["revenue"]) for row in rows] == [("1", "12.34")]


def test_health_goes_on_without_kafka_and_says_so(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, dashboard: str, page: Page
) -> None:
    mock_kafka.publish(topic, [event(), b"not json", b"{}"])
    run(lake, Stream(stream.open_reader, lambda: datetime.now(UTC), 1_000, 45))

    page.goto(f"{dashboard}/health")

    expect(page.get_by_text("No Kafka runs: start one with")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Quarantined in 7 days").locator("..")).to_contain_text("2", timeout=60_000)
    expect(page.get_by_role("row", name="silver_quarantine")).to_contain_text("2", timeout=60_000)


@pytest.mark.kafka
def test_a_payment_moves_its_product_on_the_open_page(
    lake: Lake, real_kafka: KafkaConnection, topic: str, dashboard: str, page: Page
) -> None:
    ensure_topic(real_kafka, events_topic(topic))
    shop = Stream(lambda: KafkaReader(real_kafka, topic), lambda: datetime.now(UTC), 1_000, 45)
    page.goto(dashboard)
    expect(page.get_by_text("Nothing was sold yet")).to_be_visible(timeout=60_000)
    producer = Producer(real_kafka.options())
    producer.produce(topic, event(product_id=4711, brand="irisk", price="12.34", event_time=now()), b"1")
    assert producer.flush(20) == 0
    begun = time.monotonic()
    run(lake, shop)

    expect(page.get_by_text("12.34", exact=True).first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Live: the last sale came")).to_be_visible()
    expect(best_products(page).locator("table")).to_contain_text("4711")
    print(f"on the page {time.monotonic() - begun:.1f} s after the payment")
    with urllib.request.urlopen(f"{dashboard}/api/latency") as answer:
        assert json.load(answer)["figures"]["purchases"] == 1
