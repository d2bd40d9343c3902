from datetime import date, timedelta
from pathlib import Path

import pytest

from assets.events import message_parser
from assets.events.contract import EVENT_TYPES
from assets.silver.silver import rebuild_silver
from assets.stream import micro_batch, quarantine_replay
from assets.stream.quarantine_replay import replay
from assets.stream.stream_assets import Stream
from assets.tables import BRONZE_ARCHIVE_MONTHS, BRONZE_EVENTS, PRODUCT_SALES, SILVER_EVENTS, SILVER_QUARANTINE
from assets.upkeep.audit import audit
from resources.lake import Lake
from tests.assets.archive.month_lines import HEADER, NOVEMBER, OCTOBER, PURCHASE, load, put
from tests.conftest import event
from tests.faults.interleaving import crash_before
from tests.lakes import rows, run, snapshot
from tests.resources.mock_kafka import MockKafka

BOUGHT = event(event_type="bought")


@pytest.fixture
def refused(lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str) -> list[date]:
    """Two purchases under an event_type that the contract does not know, a good one, and junk; their arrival days."""
    mock_kafka.publish(topic, [BOUGHT, event(event_type="bought", user_id=2), event(user_id=3), b"junk"])
    run(lake, stream)
    return sorted(set(rows(lake, SILVER_QUARANTINE)["arrival_date"]))


@pytest.fixture
def new_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on the contract accepts `bought` as a purchase."""
    monkeypatch.setattr(message_parser, "EVENT_TYPES", {**EVENT_TYPES, "bought": "purchase"})


def test_without_a_new_rule_a_replay_changes_nothing(lake: Lake, refused: list[date]) -> None:
    before = snapshot(lake)

    done = replay(lake, refused, 45)

    assert (done.tried, done.won_back, done.duplicates, done.still_refused) == (3, 0, 0, 3)
    assert all(frame.equals(before[name]) for name, frame in snapshot(lake).items())


def test_rows_that_a_new_rule_lets_pass_come_home(lake: Lake, refused: list[date], new_rule: None) -> None:
    done = replay(lake, refused, 45)

    assert (done.tried, done.won_back, done.duplicates, done.still_refused) == (3, 2, 0, 1)
    assert done.days == [date(2019, 10, 1)]
    assert sorted(rows(lake, SILVER_EVENTS)["user_id"]) == [2, 3, 463240011]
    assert rows(lake, PRODUCT_SALES)["units"].sum() == 3
    assert rows(lake, SILVER_QUARANTINE)["value"].to_list() == [b"junk"]
    assert rows(lake, BRONZE_EVENTS).height == 4
    assert audit(lake).findings == []


def test_a_replay_never_doubles_an_event(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, refused: list[date], new_rule: None
) -> None:
    mock_kafka.publish(topic, [event()])
    run(lake, stream)

    before = rows(lake, SILVER_EVENTS).height
    done = replay(lake, refused, 45)
    again = replay(lake, refused, 45)

    assert (done.won_back, done.accepted, done.duplicates, again.tried, again.won_back) == (2, 1, 1, 1, 0)
    assert rows(lake, SILVER_EVENTS).height == before + done.accepted
    assert rows(lake, SILVER_EVENTS).height == 3
    assert rows(lake, PRODUCT_SALES)["units"].sum() == 3
    assert audit(lake).findings == []


@pytest.mark.parametrize("step", ["rebuild_silver", "rebuild_gold", "_release"])
def test_a_replay_that_was_cut_short_is_made_whole_by_the_next(
    lake: Lake, refused: list[date], new_rule: None, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    crash_before(monkeypatch, quarantine_replay, step, lambda: replay(lake, refused, 45))

    done = replay(lake, refused, 45)

    assert (done.won_back, done.still_refused) == (2, 1)
    assert rows(lake, PRODUCT_SALES)["units"].sum() == 3
    assert audit(lake).findings == []


def test_a_won_back_row_that_contradicts_another_stays_with_a_new_reason(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, new_rule: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as old_rule:
        old_rule.setattr(message_parser, "EVENT_TYPES", EVENT_TYPES)
        mock_kafka.publish(topic, [event(event_id="a"), event(event_id="a", event_type="bought", price=9)], partition=0)
        run(lake, stream)

    done = replay(lake, sorted(set(rows(lake, SILVER_QUARANTINE)["arrival_date"])), 45)

    assert (done.won_back, done.duplicates, done.still_refused) == (0, 0, 1)
    assert rows(lake, SILVER_QUARANTINE)["reason"].to_list() == ["conflicting_duplicate"]
    assert audit(lake).findings == []


def test_a_line_of_the_archive_comes_home_too(
    lake: Lake, tmp_path: Path, new_rule: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as old_rule:
        old_rule.setattr(message_parser, "EVENT_TYPES", EVENT_TYPES)
        put(tmp_path, [PURCHASE.replace("purchase", "bought"), PURCHASE.replace("5773203", "x")], header=HEADER)
        load(lake, tmp_path)

    done = replay(lake, [date(2019, 10, 1)], 45)

    assert (done.tried, done.won_back) == (2, 1)
    assert rows(lake, PRODUCT_SALES)["units"].sum() == 1
    assert audit(lake).findings == []


@pytest.fixture
def refused_lines(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """A line of October that only a new rule lets pass, and that November's file repeats; then the new rule."""
    bought = PURCHASE.replace("purchase", "bought")
    with monkeypatch.context() as old_rule:
        old_rule.setattr(message_parser, "EVENT_TYPES", EVENT_TYPES)
        put(tmp_path, [bought, bought, PURCHASE.replace("5773203", "x")], header=HEADER)
        put(tmp_path, [PURCHASE, PURCHASE.replace("2019-10-01", "2019-11-01")], "2019-Nov.csv", HEADER)
        load(lake, tmp_path)
        load(lake, tmp_path, NOVEMBER)
    return [OCTOBER]


OUTCOMES = ("lines", "accepted", "quarantined", "duplicates")


def test_the_ledger_of_months_follows_a_replay(lake: Lake, refused_lines: list[date], new_rule: None) -> None:
    before = rows(lake, BRONZE_ARCHIVE_MONTHS).select(OUTCOMES).rows()

    done = replay(lake, refused_lines, 45)

    assert (done.tried, done.accepted, done.duplicates) == (3, 0, 2)
    assert before == [(3, 0, 3, 0), (2, 2, 0, 0)]
    assert rows(lake, BRONZE_ARCHIVE_MONTHS).select(OUTCOMES).rows() == [(3, 1, 1, 1), (2, 1, 0, 1)]
    assert audit(lake).findings == []


def test_the_ledger_of_months_follows_a_replay_that_was_cut_short(
    lake: Lake, refused_lines: list[date], new_rule: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in ("recount_months", "check_fence"):
        crash_before(monkeypatch, quarantine_replay, step, lambda: replay(lake, refused_lines, 45))

    replay(lake, refused_lines, 45)

    assert rows(lake, BRONZE_ARCHIVE_MONTHS).select(OUTCOMES).rows() == [(3, 1, 1, 1), (2, 1, 0, 1)]
    assert audit(lake).findings == []


def test_days_without_refused_rows_are_left_alone(lake: Lake, refused: list[date], new_rule: None) -> None:
    done = replay(lake, [day - timedelta(days=1) for day in refused], 45)

    assert (done.tried, done.days) == (0, [])
    assert rows(lake, SILVER_QUARANTINE).height == 3


def test_what_a_new_rule_lets_pass_while_its_batch_is_unfinished_counts_on_its_own_day(
    lake: Lake, stream: Stream, mock_kafka: MockKafka, topic: str, request: pytest.FixtureRequest
) -> None:
    mock_kafka.publish(topic, [BOUGHT, b"junk"])
    with pytest.MonkeyPatch.context() as patch:
        crash_before(patch, micro_batch.Layers, "refine", lambda: run(lake, stream))
    request.getfixturevalue("new_rule")

    run(lake, stream)

    for layout in (SILVER_EVENTS, PRODUCT_SALES):
        assert rows(lake, layout)["event_date"].to_list() == [date(2019, 10, 1)]
    before = snapshot(lake)
    rebuild_silver(lake, [date(2019, 10, 1)])
    assert all(frame.equals(before[name]) for name, frame in snapshot(lake).items())
    assert audit(lake).findings == []
