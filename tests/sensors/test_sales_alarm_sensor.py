"""Alarms on sales: each told once with a link, once when it is over, and never of what may be incomplete."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.gold.targets import TargetFile
from assets.stream.stream_assets import Stream
from resources.lake import Lake
from resources.webhook import post_text
from sensors.notices import Pager
from sensors.sales_alarm_sensor import SalesWatch, sales_alarm_sensor
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka
from tests.resources.webhook_receiver import Receiver
from tests.resources.webhook_receiver import receiver as receiver

HOUR = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
"""The hour that is judged, in the middle of a day, so that the day is not over with it."""


class Shop:
    """A shop whose sales a test chooses, and the sensor that judges them."""

    def __init__(self, lake: Lake, stream: Stream, kafka: MockKafka, topic: str, url: str, home: Path) -> None:
        self.now, self.user = HOUR + timedelta(hours=1, minutes=11), 0
        self.cursor: str | None = None
        self._lake, self._stream, self._kafka, self._topic = lake, replace(stream, clock=lambda: self.now), kafka, topic
        self._pager = Pager(lambda text: post_text(url, text))
        self.watch = SalesWatch(TargetFile(home / "targets.toml"), "https://sales.shop.example")

    def sell(self, brand: str, units: int, at: datetime, product_id: int = 1) -> None:
        sold = []
        for _ in range(units):
            self.user += 1
            sold.append(event(brand=brand, product_id=product_id, user_id=self.user, event_time=at.isoformat()))
        self._kafka.publish(self._topic, sold)

    def run(self) -> None:
        run(self._lake, self._stream)

    def tick(self) -> str:
        resources = {"lake": self._lake, "stream": self._stream, "pager": self._pager, "sales_watch": self.watch}
        context = dg.build_sensor_context(cursor=self.cursor, resources=resources, sensor_name="sales_alarms")
        skipped = sales_alarm_sensor(context)
        self.cursor = context.cursor
        assert isinstance(skipped, dg.SkipReason)
        return str(skipped.skip_message)


@pytest.fixture
def shop(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, receiver: Receiver, tmp_path: Path) -> Shop:
    """A shop that has sold 30 of `a` and 30 of `b` in this hour for six weeks."""
    shop = Shop(lake, stream, mock_kafka, topic, receiver.url, tmp_path)
    for week in range(1, 7):
        for product, brand in ((1, "a"), (2, "<!channel> b")):
            shop.sell(brand, 30, HOUR - timedelta(weeks=week) + timedelta(minutes=10 * product), product)
    return shop


def test_a_brand_that_sells_nothing_is_told_once_with_a_link_and_so_is_its_end(shop: Shop, receiver: Receiver) -> None:
    shop.sell("a", 40, HOUR + timedelta(minutes=5))
    assert "messages wait in Kafka" in shop.tick()
    assert receiver.told == []
    shop.run()

    assert "sales/hour/brand/!channel b" in shop.tick()
    shop.tick()

    (brand, product) = sorted(receiver.told)
    assert brand == (
        f"SalesInsights ALERT sales/hour/brand/!channel b: 0 units sold from {HOUR:%F %H:%M} to "
        f"{HOUR + timedelta(hours=1):%H:%M} UTC, usually 20 (-100%): "
        "https://sales.shop.example/product?search=%3C%21channel%3E%20b"
    )
    assert product.startswith("SalesInsights ALERT sales/hour/product/2: 0 units sold from ")

    receiver.told.clear()
    shop.now += timedelta(hours=1)
    for week in range(7):
        for number, name in ((1, "a"), (2, "<!channel> b")):
            shop.sell(name, 30, HOUR - timedelta(weeks=week) + timedelta(minutes=60 + number), number)
    shop.run()
    shop.tick()
    assert sorted(receiver.told) == [
        "SalesInsights OK sales/hour/brand/!channel b",
        "SalesInsights OK sales/hour/product/2",
    ]


def test_a_shop_that_sells_nothing_at_all_is_told(shop: Shop, receiver: Receiver) -> None:
    shop.run()

    shop.tick()

    assert [text.split(":")[0] for text in receiver.told] == ["SalesInsights ALERT sales/hour/shop/all"]


def test_what_was_not_delivered_is_told_again(shop: Shop, receiver: Receiver) -> None:
    shop.run()
    receiver.status = 500
    assert "not all was delivered" in shop.tick()
    receiver.status = 200

    shop.tick()
    shop.tick()

    assert len(receiver.told) == 1


def test_a_missed_target_is_told_after_the_day(shop: Shop, receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "targets.toml").write_text('day = "100.00"\n')
    for week in range(7):
        shop.sell("a", 30, HOUR - timedelta(weeks=week) + timedelta(minutes=2))
    shop.run()

    shop.tick()

    assert [text for text in receiver.told if "target" in text] == [
        f"SalesInsights ALERT target/day: the day from {(HOUR - timedelta(days=1)).date()} brought 0.00, "
        "100% below 100.00"
    ]
