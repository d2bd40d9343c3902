"""A day by quarters of an hour is the same whether it was followed batch by batch or read at once."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from assets.progress.batch_snapshot import batch_snapshot
from assets.silver.purchases import rebuild_purchases
from assets.stream.stream_assets import Stream
from resources.lake import Lake
from salesinsights_dagster.dashboard import day_curves
from salesinsights_dagster.dashboard.day_curves import DayCurves
from tests.conftest import event
from tests.lakes import run
from tests.resources.mock_kafka import MockKafka

DAY = date(2026, 11, 24)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def sold(minute: float, price: str = "1.00", **fields: object) -> bytes:
    return event(event_time=(NOON + timedelta(minutes=minute)).isoformat(), price=price, **fields)


def test_quarters_hold_what_was_sold(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    mock_kafka.publish(
        topic,
        [
            sold(0, "10.00", product_id=1),
            sold(0, "2.50", product_id=2),
            sold(14.9, "-1.00", user_id=2),
            sold(15, "7.00", user_id=2),
            sold(-800, "99.00"),
            sold(3, event_type="view"),
        ],
    )
    run(lake, stream)

    quarters = DayCurves().of(batch_snapshot(lake), DAY)

    assert quarters.rows() == [
        (NOON, Decimal("11.50"), 2, Decimal("1.00"), 1, 1),
        (NOON + timedelta(minutes=15), Decimal("7.00"), 1, Decimal("0.00"), 1, 1),
    ]


def test_only_quarters_with_new_purchases_are_read_again(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock_kafka.publish(topic, [sold(0), sold(16), sold(40, user_id=2)])
    run(lake, stream)
    followed = DayCurves()
    followed.of(batch_snapshot(lake), DAY)
    whole = monkeypatch.context
    for new in ([sold(41, user_id=2), sold(40, "3.00", user_id=2)], [sold(1), sold(44)], [sold(-2_000)]):
        mock_kafka.publish(topic, new)
        run(lake, stream)
        gold = batch_snapshot(lake)
        with whole() as patched:
            patched.setattr(day_curves, "_whole", None)
            quarters = followed.of(gold, DAY)

        assert quarters.equals(DayCurves().of(gold, DAY))


def test_a_day_that_was_rebuilt_is_read_again(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock_kafka.publish(topic, [sold(0), sold(16)])
    run(lake, stream)
    followed = DayCurves()
    followed.of(batch_snapshot(lake), DAY)
    rebuild_purchases(lake, [DAY])
    read = list[int]()
    monkeypatch.setattr(day_curves, "_whole", lambda purchases, day, rows: read.append(rows))

    followed.of(batch_snapshot(lake), DAY)

    assert read == [2]


def test_a_large_day_is_read_in_pieces(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock_kafka.publish(topic, [sold(minute, user_id=minute) for minute in range(-700, 700, 50)])
    run(lake, stream)
    gold = batch_snapshot(lake)
    at_once = DayCurves().of(gold, DAY)
    monkeypatch.setattr(day_curves, "ROWS_AT_ONCE", 5)

    assert DayCurves().of(gold, DAY).equals(at_once)
    assert at_once["units"].sum() == 28
