"""The dashboard as people see it, in a real browser."""

import csv
import io
import json
import re
import time
import urllib.request
from datetime import UTC, datetime

import pytest
from confluent_kafka import Producer
from playwright.sync_api import Locator, Page, expect

from assets.stream.stream_assets import Stream
from assets.tables.topics import events_topic
from resources.kafka_connection import KafkaConnection
from resources.kafka_reader import KafkaReader
from resources.kafka_topics import ensure_topic
from resources.lake import Lake
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

HOSTILE = [
    "<script>window.broken=1</script>",
    "<img src=x onerror=window.broken=1>",
    "<svg/onload=window.broken=1>",
    "<iframe srcdoc='<script>parent.broken=1</script>'>",
    "<body onload=window.broken=1>",
    "<details open ontoggle=window.broken=1>",
    "<math><mtext></p><img src=x onerror=window.broken=1>",
    "<a href=javascript:window.broken=1>a</a>",
    "<link rel=stylesheet href=http://evil.example/a.css>",
    "<style>@import 'http://evil.example/a.css'</style>",
    "<base href=http://evil.example/>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<form action=http://evil.example><input autofocus onfocus=window.broken=1>",
    "<video src=http://evil.example/v onerror=window.broken=1>",
    "<object data=http://evil.example/o>",
    "<embed src=http://evil.example/e>",
    "'\"><img src=x onerror=window.broken=1>",
    '"onmouseover="window.broken=1',
    "</script><script>window.broken=1</script>",
    "</textarea><script>window.broken=1</script>",
    "</title><script>window.broken=1</script>",
    "--><script>window.broken=1</script>",
    "]]><script>window.broken=1</script>",
    "{{constructor.constructor('window.broken=1')()}}",
    "{{ window.broken = 1 }}",
    "${window.broken=1}",
    "#{window.broken=1}",
    "<%= window.broken=1 %>",
    "{a|window.broken=1}",
    "{b}{c}{@[0]}",
    "javascript:window.broken=1",
    "data:text/html,<script>window.broken=1</script>",
    "![x](http://evil.example/x.png)",
    "[x](javascript:window.broken=1)",
    "`<img src=x onerror=window.broken=1>`",
    "&lt;script&gt;window.broken=1&lt;/script&gt;",
    "&#60;img src=x onerror=window.broken=1&#62;",
    "\\u003cimg src=x onerror=window.broken=1\\u003e",
    "%3Cscript%3Ewindow.broken=1%3C/script%3E",
    '=HYPERLINK("http://evil.example","x")',
    "+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "-2+3",
    "\u202egnirts",
    "\u2028window.broken=1\u2029",
    "a\nb<img src=x onerror=window.broken=1>",
    "<IMG SRC=X ONERROR=window.broken=1>",
    "<\u017fcript>window.broken=1</\u017fcript>",
    "<img src=//evil.example/x.png>",
    "<script src=//evil.example/x.js></script>",
]


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


def test_brands_are_shown_as_text_whatever_they_say(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, dashboard: str, page: Page
) -> None:
    assert len(HOSTILE) == 50
    for begin in range(0, 50, 20):
        brands = list(enumerate(HOSTILE))[begin : begin + 20]
        mock_kafka.publish(
            topic, [event(brand=brand, product_id=n, price=1000 * begin + 1, event_time=now()) for n, brand in brands]
        )
        run(lake, stream)
        figures(page, dashboard)
        top = best_products(page)
        for _, brand in brands:
            expect(top.locator("table")).to_contain_text(brand)
        for y in range(10, 600, 30):
            top.locator("svg").first.hover(position={"x": 250, "y": y})
        assert page.evaluate("window.broken") is None
    with urllib.request.urlopen(f"{dashboard}/api/top-products?format=csv") as answer:
        rows = list(csv.DictReader(io.StringIO(answer.read().decode())))
    assert len(rows) == 20
    assert not [row for row in rows if row["brand"].startswith(("=", "+", "-", "@"))]


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
