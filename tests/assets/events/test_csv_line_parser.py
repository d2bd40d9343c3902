"""A line of the archive means what the same fields mean in a message."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.archive.month_files import find_month
from assets.events import csv_line_parser
from assets.events.contract import EVENT, FIELDS, OPTIONAL
from assets.events.csv_line_parser import dates_of, parse_lines
from assets.events.message_parser import parse_events
from salesinsights_dagster.simulator.month_file import write_month
from salesinsights_dagster.simulator.shop import Shop
from tests.campaign import tries

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
CASES = (
    *("x", "view", "remove_from_cart", "removefromcart", "null", "true", '"', 'a"b', "\\", "a,b", "\x7f", "\x00", "ü"),
    *("0", "-1", "+1", " 1", "1 ", "00", "01", "1_0", "1e3", "1.", ".5", "-0", "1.5", "1.50", "1.505", "-0.5", "٣"),
    *("12345678901", "1234567890.99", "9223372036854775807", "9223372036854775808", "9999999999999999999"),
    *("b" * 1_024, "b" * 1_025, "ü" * 1_024, "ü" * 1_025),
    *TIMES,
    *("2019-10-01 24:00:00 UTC", "2019-10-01 23:60:00 UTC", "2019-10-01 00:00:00", "2019-10-01 00:00:00.5 UTC"),
    *("2026-01-02 00:00:00 UTC", "2026-01-02 00:00:01 UTC", "2019-01-01 00:00:00 UTC", "2019-10-01 00:00:00 UTC "),
)
FIELD_SETS = st.dictionaries(st.sampled_from(NAMES), st.one_of(SPELLINGS, st.text(max_size=5)), max_size=3)


def lines(values: list[bytes], names: Sequence[str] = NAMES) -> pl.DataFrame:
    now = pl.lit(NOW).cast(pl.Datetime("us", "UTC"))
    frame = pl.DataFrame({"value": pl.Series(values, dtype=pl.Binary)})
    none = pl.lit(None, pl.Datetime("us", "UTC"))
    return frame.with_columns(key=pl.lit(",".join(names).encode()), ingested_at=now, kafka_timestamp=none)


def line_of(fields: dict[str, str], names: Sequence[str] = NAMES) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields[name] for name in names)
    return text.getvalue().encode("utf-8", "surrogatepass")


def assert_alike(events: list[dict[str, str]]) -> None:
    """Assert that these fields mean the same in lines of an archive as in messages."""
    stamps = pl.Series([NOW] * len(events), dtype=pl.Datetime("us", "UTC"))
    values = [json.dumps({name: text or None for name, text in event.items()}).encode() for event in events]
    messages = pl.DataFrame({"value": pl.Series(values, dtype=pl.Binary), "kafka_timestamp": stamps})

    from_lines = parse_lines(lines([line_of(event) for event in events]))
    from_messages = parse_events(messages)

    accepted = from_messages["reason"].is_null()
    assert from_lines["reason"].to_list() == from_messages["reason"].to_list()
    assert from_lines.select(FIELDS).filter(accepted).equals(from_messages.select(FIELDS).filter(accepted))


@settings(max_examples=tries(100, 5_000), deadline=None)
@given(st.lists(FIELD_SETS, min_size=1, max_size=8))
def test_a_line_and_a_message_of_the_same_fields_come_to_the_same(changes: list[dict[str, str]]) -> None:
    events = [{**GOOD, **change} for change in changes]
    assert_alike([event for event in events if not any(c in "".join(event.values()) for c in "\r\n")])


def test_every_field_takes_the_spellings_that_it_takes_in_a_message() -> None:
    assert_alike([{**GOOD, name: text} for name in NAMES for text in ("", *CASES)])


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (tuple(reversed(NAMES)), None),
        ((*NAMES, "event_id"), None),
        ((*NAMES[:3], "colour", *NAMES[3:]), None),
        ([name for name in NAMES if name not in OPTIONAL], None),
        ([name for name in NAMES if name != "price"], "missing_field"),
    ],
)
def test_fields_are_found_by_the_names_of_the_header(names: list[str], reason: str | None) -> None:
    values = {**GOOD, "event_id": "e-1", "colour": "red, or so"}
    for colour in ("red", "red, or so", ""):
        line = line_of({**values, "colour": colour}, names)

        read = parse_lines(lines([line], names)).row(0, named=True)

        assert read["reason"] == reason
        if reason is None:
            assert (str(read["price"]), read["user_id"]) == (GOOD["price"], int(GOOD["user_id"]))
            assert read["brand"] == (GOOD["brand"] if "brand" in names else None)
            assert read["event_id"] == ("e-1" if "event_id" in names else None)


def test_a_field_of_any_length_is_judged_by_the_contract_whatever_ran_before() -> None:
    """Python's own limit is one of the process: a published file would lift it for the lines that follow."""
    csv.field_size_limit(131_072)
    brand = '"' + 150_000 * "x"

    (reason,) = parse_lines(lines([line_of({**GOOD, "brand": brand})]))["reason"]

    assert reason == "text_too_long"


def test_lines_of_files_with_other_headers_keep_their_order() -> None:
    brands = ["a", "b", "c", "d"]
    headers = [NAMES, NAMES[::-1], NAMES, NAMES[::-1]]
    frames = [lines([line_of({**GOOD, "brand": b}, h)], h) for b, h in zip(brands, headers, strict=True)]

    assert parse_lines(pl.concat(frames))["brand"].to_list() == brands


def test_lines_of_a_shop_are_all_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This loads a month in a quarter of the time; the other tests check the result."""
    write_month(Shop(seed=1), 2019, 10, 2_000, tmp_path)
    month = pl.concat(find_month(tmp_path, date(2019, 10, 1)).lines())
    monkeypatch.setattr(csv_line_parser, "judge_tokens", None)

    read = parse_lines(lines([*month["value"]]))
    from_windows = parse_lines(lines([value + b"\r" for value in month["value"]]))

    assert read["reason"].null_count() == read.height == 2_000
    assert from_windows.select(FIELDS).equals(read.select(FIELDS))


@settings(max_examples=tries(50, 5_000), deadline=None)
@given(st.lists(FIELD_SETS, min_size=1, max_size=8))
def test_the_day_of_an_accepted_line_is_that_of_its_event(changes: list[dict[str, str]]) -> None:
    frame = lines([line_of({**GOOD, **change}) for change in changes])
    parsed, days = parse_lines(frame), dates_of(frame)

    accepted = parsed["reason"].is_null()
    assert days.filter(accepted).to_list() == parsed["event_time"].dt.date().filter(accepted).to_list()
