from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from assets.archive.month_files import find_month
from assets.archive.month_loader import load_month
from assets.gold.restatements import Look, last_gap, look_in_time, record_restatements, restatements_complete
from assets.stream.stream_assets import Stream
from assets.tables import PRODUCT_SALES, RESTATEMENTS, SILVER_EVENTS
from assets.upkeep import forget_user
from assets.upkeep.forget_user import forget
from assets.upkeep.lake_files import keep_up
from resources.lake import Lake
from tests.assets.archive.month_lines import HEADER, PURCHASE, put
from tests.conftest import event
from tests.faults.interleaving import crash_before
from tests.lakes import a_night_passes, rows, run
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


def test_a_day_that_loses_all_its_sales_is_listed_and_so_is_its_return(lake: Lake, tmp_path: Path) -> None:
    def look_after(hour: int, *lines: str) -> None:
        at = WINDOW + timedelta(days=9, hours=hour)
        put(tmp_path, lines, header=HEADER)
        load_month(lake, find_month(tmp_path, date(2019, 10, 1)), at, 45)
        record_restatements(lake, at + timedelta(minutes=1))

    lost = PURCHASE.replace("2019-10-01", "2019-10-02")
    look_after(0, PURCHASE, lost)
    look_after(1, PURCHASE)
    look_after(2, PURCHASE, lost, PURCHASE.replace("2019-10-01", "2019-10-03"))

    assert told(lake) == [
        (5773203, 1, "2.62", None, "None", "archive"),
        (5773203, None, "None", 1, "2.62", "archive"),
    ]
    assert set(rows(lake, RESTATEMENTS)["event_date"]) == {date(2019, 10, 2)}


def test_a_forgotten_user_is_listed_and_nothing_before_or_after_is_lost(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, published: None
) -> None:
    mock_kafka.publish(topic, [event(user_id=7, price=3)])
    run(lake, stream)
    forget(lake, 7, stream.clock(), 45)
    mock_kafka.publish(topic, [event(user_id=8, price=4)])
    run(lake, stream)

    assert record_restatements(lake, stream.clock()) == Look(1, is_complete=True)
    assert told(lake) == [
        (5773203, 1, "2.00", 2, "5.00", "late"),
        (5773203, 2, "5.00", 1, "2.00", "forgotten"),
        (5773203, 1, "2.00", 2, "6.00", "late"),
    ]


@pytest.mark.parametrize("step", ["rebuild_gold", "drop_parts", "record_restatements"])
def test_what_a_forgetting_changed_before_it_was_cut_short_is_listed_once(
    lake: Lake, stream: Stream, monkeypatch: pytest.MonkeyPatch, published: None, step: str
) -> None:
    crash_before(monkeypatch, forget_user, step, lambda: forget(lake, 463240011, stream.clock(), 45))
    forget(lake, 463240011, stream.clock(), 45)

    assert record_restatements(lake, stream.clock()) == Look(0, is_complete=True)
    assert [row[:5] for row in told(lake)] == [(5773203, 1, "2.00", None, "None")]


def test_where_the_last_look_is_too_old_the_next_one_says_so_and_the_check_names_the_time(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, published: None
) -> None:
    mock_kafka.publish(topic, [event(user_id=2)])
    run(lake, stream)
    lake.table(PRODUCT_SALES).purge()

    now = stream.clock()
    look = record_restatements(lake, now)
    mock_kafka.publish(topic, [event(user_id=3)])
    run(lake, stream)

    assert look == Look(0, is_complete=False)
    assert record_restatements(lake, stream.clock()).restated == 1
    assert rows(lake, RESTATEMENTS)["event_date"].to_list() == [date(2019, 10, 1)]
    gap = last_gap(lake)
    assert gap is not None
    assert gap.since < gap.until == now
    failed, passed = (restatements_complete(lake, now + timedelta(hours=hours)) for hours in (23, 24))
    assert (failed.passed, passed.passed) == (False, True)
    assert failed.figures == {"unknown_since": gap.since.isoformat(), "unknown_until": gap.until.isoformat()}


def test_a_version_whose_number_came_to_belong_to_other_rows_is_no_version_to_compare_with(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, published: None
) -> None:
    """As after a power cut that took the last commit."""
    log = lake.table(PRODUCT_SALES).folder / "_delta_log"
    for path in [*log.glob(f"{lake.table(PRODUCT_SALES).version:020}.*"), log / "_last_checkpoint"]:
        path.unlink()
    mock_kafka.publish(topic, [event(user_id=2)])
    run(lake, stream)

    assert record_restatements(lake, stream.clock()) == Look(0, is_complete=False)


def test_a_version_that_lost_its_files_is_no_version_to_compare_with(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, published: None
) -> None:
    seen = lake.table(PRODUCT_SALES).file_uris()
    mock_kafka.publish(topic, [event(user_id=2)])
    run(lake, stream)
    for path in seen:
        Path(path).unlink()

    assert record_restatements(lake, stream.clock()) == Look(0, is_complete=False)
    assert record_restatements(lake, stream.clock()) == Look(0, is_complete=True)


def sell(lake: Lake, stream: Stream, kafka: MockKafka, topic: str, batches: int) -> None:
    """So many batches with a late payment each."""
    for _ in range(batches):
        kafka.publish(topic, [event(user_id=rows(lake, SILVER_EVENTS).height)])
        run(lake, stream)


def test_after_a_quiet_night_a_look_before_the_first_batch_loses_nothing(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, published: None
) -> None:
    # The next commit writes a checkpoint by itself: all that is older and before it is then deleted.
    sell(lake, stream, mock_kafka, topic, 2)
    record_restatements(lake, stream.clock())
    a_night_passes(lake)
    look_in_time(lake, stream.clock() + timedelta(hours=7))
    sell(lake, stream, mock_kafka, topic, 2)

    assert record_restatements(lake, stream.clock() + timedelta(hours=8)) == Look(1, is_complete=True)
    assert [row[1] for row in told(lake)] == [1, 3]


def test_upkeep_looks_before_it_shortens_the_log(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, published: None
) -> None:
    sell(lake, stream, mock_kafka, topic, 1)
    lake.table(PRODUCT_SALES).append(rows(lake, PRODUCT_SALES).with_columns(product_id=pl.lit(1, pl.Int64)), {})
    a_night_passes(lake)

    list(keep_up(lake, stream.clock()))
    sell(lake, stream, mock_kafka, topic, 6)

    assert record_restatements(lake, stream.clock()).is_complete
    assert [row[:2] for row in told(lake)] == [(1, None), (5773203, 1), (5773203, 2)]


def test_while_the_stream_stands_still_no_window_closes(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str
) -> None:
    """Its events are still to come: they are not late."""
    noon = WINDOW + timedelta(hours=12)
    at_noon = replace(stream, clock=lambda: noon)

    def buy(user: int) -> None:
        mock_kafka.publish(topic, [event(event_time=(noon + timedelta(minutes=user)).isoformat(), user_id=user)])
        run(lake, at_noon)

    buy(0)
    record_restatements(lake, noon + timedelta(minutes=2))
    lake.table(PRODUCT_SALES).replace(rows(lake, PRODUCT_SALES), None, {})
    looks = [record_restatements(lake, noon + timedelta(hours=2)).restated]
    buy(3)
    looks.append(record_restatements(lake, noon + timedelta(hours=3)).restated)
    buy(4)
    looks.append(record_restatements(lake, noon + timedelta(hours=4)).restated)

    assert looks == [0, 0, 1]
