from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.events.contract import UTC_MICROSECONDS
from assets.silver import spans as spans_module
from assets.silver.spans import in_whole_windows, is_within, spans_of, spans_of_days, within

MIDNIGHT = datetime(2026, 11, 25, tzinfo=UTC)
FRAME = pl.Schema({"event_date": pl.Date(), "event_time": UTC_MICROSECONDS})

seconds = st.lists(st.integers(0, 3 * 86_400 - 1), min_size=1, max_size=60)


def events(moments: list[int]) -> pl.DataFrame:
    times = [MIDNIGHT + timedelta(seconds=moment) for moment in moments]
    return pl.DataFrame({"event_date": [time.date() for time in times], "event_time": times}, schema=FRAME)


@given(seconds)
def test_every_event_is_in_exactly_one_span_of_its_day(moments: list[int]) -> None:
    frame = events(moments)

    spans = spans_of(frame)

    held = frame.join(spans, on="event_date").filter(pl.col("event_time").is_between("first", "end", closed="left"))
    assert held.height == frame.height
    assert spans.filter(pl.col("end") - pl.col("first") > timedelta(days=1)).is_empty()


@given(seconds, st.sampled_from([45, 60, 3600]))
def test_windows_hold_their_spans_whole_and_do_not_overlap(moments: list[int], window: int) -> None:
    spans = spans_of(events(moments))

    windows = in_whole_windows(spans, window)

    assert (
        (windows["first"].dt.epoch("s") - windows["event_date"].cast(UTC_MICROSECONDS).dt.epoch("s")) % window
    ).sum() == 0
    assert (windows["end"].shift(1) > windows["first"]).sum() == 0
    held = spans.join(windows, on="event_date", suffix="_window").filter(
        pl.col("first") >= pl.col("first_window"), pl.col("end") <= pl.col("end_window")
    )
    assert held.height == spans.height


@given(seconds, seconds)
def test_what_lies_in_a_span_is_found_by_expression(moments: list[int], others: list[int]) -> None:
    spans, frame = spans_of(events(moments)), events(others)

    found = frame.filter(is_within(spans, "event_time"))

    held = frame.join_where(spans, pl.col("event_time") >= pl.col("first"), pl.col("event_time") < pl.col("end"))
    assert sorted(found["event_time"]) == sorted(held["event_time"])
    assert frame.filter(is_within(spans.clear(), "event_time")).is_empty()


def test_a_late_event_does_not_stretch_the_span_of_its_batch() -> None:
    spans = spans_of(events([40, 50_000, 50_010, 50_029]))

    assert (spans["end"] - spans["first"]).dt.total_seconds().to_list() == [0, 29]


@pytest.mark.parametrize(("milliseconds", "spans"), [(59_999, 1), (60_000, 2)])
def test_a_silence_is_measured_from_event_to_event(milliseconds: int, spans: int) -> None:
    last = MIDNIGHT + timedelta(milliseconds=1_900)
    times = [last - timedelta(milliseconds=1), last, last + timedelta(milliseconds=milliseconds)]
    frame = pl.DataFrame({"event_date": [time.date() for time in times], "event_time": times}, schema=FRAME)

    assert spans_of(frame).height == spans


def test_a_day_is_cut_into_few_spans_at_its_longest_silences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans_module, "MOST_SPANS", 3)

    spans = spans_of(events([0, 100, 1_000, 1_100, 9_000, 9_070]))

    assert (spans["first"].dt.epoch("s") - int(MIDNIGHT.timestamp())).to_list() == [0, 1_000, 9_000]


def test_whole_days_and_nothing() -> None:
    days = spans_of_days([date(2026, 11, 26), date(2026, 11, 25)])

    assert days["first"].to_list() == [MIDNIGHT, MIDNIGHT + timedelta(days=1)]
    assert days["end"].to_list() == [MIDNIGHT + timedelta(days=1), MIDNIGHT + timedelta(days=2)]
    assert within(days.clear(), "event_time") == "false"
    assert spans_of(events([])).is_empty()
