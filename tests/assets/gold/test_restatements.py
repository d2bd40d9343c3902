from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from assets.archive.month_files import find_month
from assets.archive.month_loader import load_month
from assets.gold.restatements import record_restatements
from assets.stream.stream_assets import Stream
from assets.tables import PRODUCT_SALES, RESTATEMENTS
from resources.lake import Lake
from tests.assets.archive.month_lines import HEADER, PURCHASE, put
from tests.conftest import event
from tests.lakes import rows, run
from tests.resources.mock_kafka import MockKafka

WINDOW = datetime(2019, 10, 1, tzinfo=UTC)


@pytest.fixture
def published(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> None:
    """One sold product, already seen by a first comparison."""
    mock_kafka.publish(topic, [event(price=2)])
    run(lake, stream)
    assert record_restatements(lake, stream.clock()).restated == 0


def told(lake: Lake) -> list[tuple[object, ...]]:
    ordered = rows(lake, RESTATEMENTS).sort("restated_at", "product_id")
    return [
        (product, old, str(before), new, str(after), reason)
        for product, old, before, new, after, reason in ordered.select(
            "product_id", "old_units", "old_revenue", "new_units", "new_revenue", "reason"
        ).rows()
    ]


def test_a_late_payment_restates_its_window(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, published: None
) -> None:
    late = [event(price=3, user_id=2), event(price=4, product_id=1), event(event_type="view", product_id=2)]
    mock_kafka.publish(topic, late)
    run(lake, stream)

    look = record_restatements(lake, stream.clock())

    assert (look.restated, look.is_complete) == (2, True)
    assert told(lake) == [(1, None, "None", 1, "4.00", "late"), (5773203, 1, "2.00", 2, "5.00", "late")]
    assert set(rows(lake, RESTATEMENTS)["window_start"]) == {WINDOW}
    assert record_restatements(lake, stream.clock()).restated == 0


def test_the_archive_and_a_recomputation_are_named(lake: Lake, stream: Stream, published: None, tmp_path: Path) -> None:
    put(tmp_path, [PURCHASE], header=HEADER)
    load_month(lake, find_month(tmp_path, date(2019, 10, 1)), stream.clock(), 45)
    sold = rows(lake, PRODUCT_SALES)
    looks = [record_restatements(lake, stream.clock()).restated]
    lake.table(PRODUCT_SALES).replace(sold.with_columns(units=sold["units"] + 1), None, {})
    looks.append(record_restatements(lake, stream.clock()).restated)

    assert looks == [1, 1]
    assert [row[-1] for row in told(lake)] == ["archive", "recomputed"]


def test_a_window_that_is_open_or_a_day_that_is_new_is_not_restated(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, published: None
) -> None:
    now = datetime.now(UTC)
    mock_kafka.publish(topic, [event(event_time=now.isoformat()), event(event_time="2019-10-05 00:00:00 UTC")])
    run(lake, stream)
    first = record_restatements(lake, now)
    mock_kafka.publish(topic, [event(event_time=now.isoformat(), user_id=2)])
    run(lake, stream)

    assert (first.restated, record_restatements(lake, now + timedelta(seconds=30)).restated) == (0, 0)


def test_where_the_last_look_is_too_old_the_next_one_says_so(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, published: None
) -> None:
    mock_kafka.publish(topic, [event(user_id=2)])
    run(lake, stream)
    lake.table(PRODUCT_SALES).purge()

    look = record_restatements(lake, stream.clock())
    mock_kafka.publish(topic, [event(user_id=3)])
    run(lake, stream)

    assert (look.restated, look.is_complete) == (0, False)
    assert record_restatements(lake, stream.clock()).restated == 1
    assert rows(lake, RESTATEMENTS)["event_date"].to_list() == [date(2019, 10, 1)]
