"""A line of the archive means what the same fields mean in a message."""

import csv
import io
import json
from datetime import UTC, datetime

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.csv_lines import dates_of, parse_lines
from assets.event_contract import EVENT, FIELDS
from assets.event_parser import parse_events

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = tuple(EVENT)
GOOD = {
    "event_time": "2019-10-01 00:00:00 UTC",
    "event_type": "purchase",
    "product_id": "5773203",
    "category_id": "1487580005134238553",
    "category_code": "",
    "brand": "runail",
    "price": "2.62",
    "user_id": "463240011",
    "user_session": "26dd6e6e",
}
TIMES = (
    "2019-02-30 00:00:00 UTC",
    "2019-10-01T10:00:00+02:00",
    "2018-12-31 23:59:59 UTC",
    "2030-01-01 00:00:00 UTC",
)
NUMBERS = ("0", "-1", "1.50", "1.505", "9223372036854775808", "-0.5")
SPELLINGS = st.sampled_from(["", "x", "view", "remove_from_cart", "null", '"', 'a"b', "\\", "a,b", *NUMBERS, *TIMES])
FIELD_SETS = st.dictionaries(st.sampled_from(NAMES), st.one_of(SPELLINGS, st.text(max_size=5)), max_size=3)


def lines(values: list[bytes]) -> pl.DataFrame:
    now = pl.lit(NOW).cast(pl.Datetime("us", "UTC"))
    frame = pl.DataFrame({"value": pl.Series(values, dtype=pl.Binary)})
    none = pl.lit(None, pl.Datetime("us", "UTC"))
    return frame.with_columns(key=pl.lit(",".join(NAMES).encode()), ingested_at=now, kafka_timestamp=none)


def line_of(fields: dict[str, str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields[name] for name in NAMES)
    return text.getvalue().encode("utf-8", "surrogatepass")


@settings(max_examples=300, deadline=None)
@given(st.lists(FIELD_SETS, min_size=1, max_size=8))
def test_a_line_and_a_message_of_the_same_fields_come_to_the_same(changes: list[dict[str, str]]) -> None:
    events = [{**GOOD, **change} for change in changes]
    events = [event for event in events if not any(c in "".join(event.values()) for c in "\r\n")]
    stamps = pl.Series([NOW] * len(events), dtype=pl.Datetime("us", "UTC"))
    values = [json.dumps({name: text or None for name, text in event.items()}).encode() for event in events]
    messages = pl.DataFrame({"value": pl.Series(values, dtype=pl.Binary), "kafka_timestamp": stamps})

    from_lines = parse_lines(lines([line_of(event) for event in events]))
    from_messages = parse_events(messages)

    accepted = from_messages["reason"].is_null()
    assert from_lines["reason"].to_list() == from_messages["reason"].to_list()
    assert from_lines.select(FIELDS).filter(accepted).equals(from_messages.select(FIELDS).filter(accepted))


@settings(max_examples=100, deadline=None)
@given(st.lists(FIELD_SETS, min_size=1, max_size=8))
def test_the_day_of_an_accepted_line_is_that_of_its_event(changes: list[dict[str, str]]) -> None:
    frame = lines([line_of({**GOOD, **change}) for change in changes])
    parsed, days = parse_lines(frame), dates_of(frame)

    accepted = parsed["reason"].is_null()
    assert days.filter(accepted).to_list() == parsed["event_time"].dt.date().filter(accepted).to_list()
