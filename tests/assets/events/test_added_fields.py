"""A message that is older than a field is never refused because of it: nobody knew the rule when it came."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from assets.events.csv_line_parser import parse_lines
from assets.events.message_parser import parse_events
from tests.conftest import event

ADDED = datetime(2026, 11, 27, tzinfo=UTC)
FAULTY = [5, "x" * 1_025, "\0", ["a"]]

BEFORE_AND_AFTER = [ADDED, ADDED + timedelta(microseconds=1)]


def messages(*values: bytes) -> pl.DataFrame:
    """Each value twice: once from before the field was added, once from after."""
    both = [
        {"value": value, "kafka_timestamp": ADDED, "ingested_at": came} for value in values for came in BEFORE_AND_AFTER
    ]
    return pl.DataFrame(both, schema_overrides={"kafka_timestamp": pl.Datetime("us", "UTC")})


def outcome(parsed: pl.DataFrame) -> list[tuple[str | None, str | None]]:
    """The reason of each row, and its event_id where it is accepted."""
    accepted = pl.col("reason").is_null()
    return parsed.select("reason", pl.when(accepted).then("event_id")).rows()


@pytest.mark.parametrize("value", FAULTY, ids=["number", "long", "nul", "list"])
def test_an_older_message_with_a_faulty_value_is_accepted_without_it(value: object) -> None:
    before, after = outcome(parse_events(messages(event(event_id=value)), added={"event_id": ADDED}))

    assert before == (None, None)
    assert after[0] in ("bad_text", "text_too_long")


def test_a_good_value_is_read_whenever_the_message_came() -> None:
    assert outcome(parse_events(messages(event(event_id="e")), added={"event_id": ADDED})) == [(None, "e")] * 2


def test_an_older_message_is_still_refused_for_its_other_faults() -> None:
    faults = messages(event(event_id=5, price="x"), b"junk")

    assert [reason for reason, _ in outcome(parse_events(faults, added={"event_id": ADDED}))] == [
        *["bad_price"] * 2,
        *["not_json"] * 2,
    ]


def test_an_integer_field_is_forgiven_alike() -> None:
    parsed = parse_events(messages(event(category_id="x")), added={"category_id": ADDED})

    assert parsed["reason"].to_list() == [None, "bad_integer"]
    assert parsed["category_id"].to_list() == [None, None]


def test_an_older_line_of_the_archive_is_accepted_alike() -> None:
    header = b"event_time,event_type,product_id,price,user_id,event_id"
    line = b"2019-10-01 00:00:00 UTC,purchase,1,2.62,3," + b"x" * 1_025
    lines = messages(line).with_columns(key=pl.lit(header), kafka_timestamp=pl.lit(None, pl.Datetime("us", "UTC")))

    assert outcome(parse_lines(lines, added={"event_id": ADDED})) == [(None, None), ("text_too_long", None)]
