import json
import random
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from assets.events import message_parser
from assets.events.contract import FIELDS, REASONS, UTC_MICROSECONDS
from assets.events.message_parser import parse_events
from tests.assets.events.event_cases import numbers, object_members, order_of_reasons, texts, times
from tests.assets.events.event_cases.every_case import CASES
from tests.assets.events.event_cases.good_event import (
    EVENT,
    GOOD,
    KAFKA_TIMESTAMP,
    MEMBERS,
    Case,
    accepted,
    joined,
    message,
)
from tests.assets.events.event_strategies import (
    Row,
    alike_objects,
    batches,
    cut_objects,
    damaged_objects,
    objects,
    some,
    token_heaps,
)
from tests.assets.events.row_parser import Event, parse_row
from tests.campaign import in_campaign, tries

RANDOM_MESSAGES = settings(
    max_examples=tries(75, 5_000),
    derandomize=not in_campaign(),
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

Outcome = Event | str

FIRST_MESSAGES: dict[str, bytes | None] = {
    "no value": None,
    "required fields only": message(category_id=None, category_code=None, brand=None, user_session=None, event_id=None),
    "other order": joined(MEMBERS[::-1]),
    "unknown field": message(',"note":"gift"'),
    "escaped key": message(r',"n\u006fte":"gift"'),
    "duplicate key": message(',"price":1'),
    "blanks": joined(MEMBERS, " , ", " ", " "),
    "not JSON": b"hello",
    "not an object": b"[]",
    "empty object": b"{}",
}

ADDED_COLUMNS = {
    "event_time": UTC_MICROSECONDS,
    "event_type": pl.String(),
    "product_id": pl.Int64(),
    "category_id": pl.Int64(),
    "category_code": pl.String(),
    "brand": pl.String(),
    "price": pl.Decimal(12, 2),
    "user_id": pl.Int64(),
    "user_session": pl.String(),
    "event_id": pl.String(),
    "reason": pl.String(),
    "detail": pl.String(),
}


def frame_of(rows: list[Row]) -> pl.DataFrame:
    schema = {"value": pl.Binary(), "kafka_timestamp": UTC_MICROSECONDS}
    return pl.DataFrame(rows, schema=schema, orient="row").with_row_index("offset")


def outcomes(messages: pl.DataFrame) -> list[Outcome]:
    """For each row the reason, or the typed fields. The fields of refused rows are unspecified, and not compared."""
    parsed = parse_events(messages)
    fields = pl.when(pl.col("reason").is_null()).then(pl.struct(FIELDS))
    return [reason or event for reason, event in parsed.select("reason", fields.alias("event")).iter_rows()]


def row_by_row(rows: list[Row]) -> list[Outcome]:
    return [parse_row(value, kafka_timestamp) for value, kafka_timestamp in rows]


def row_of(case: Case) -> Row:
    return case.value, case.kafka_timestamp


def with_member(value: bytes | None, member: str) -> bytes:
    assert value is not None
    return value.removesuffix(b"}") + member.encode() + b"}"


def good_row(number: int) -> tuple[Row, Outcome]:
    """A good message with its own number, without some fields."""
    brand = f"brand {number}" if number % 3 else None
    changes = {"product_id": number, "price": Decimal(number) / 100, "brand": brand, "event_id": f"e-{number}"}
    value = message(
        product_id=str(number),
        price=f"{number // 100}.{number % 100:02}",
        brand=f'"{brand}"' if brand else None,
        event_id=f'"e-{number}"',
    )
    return (value, KAFKA_TIMESTAMP), accepted(**changes)


@pytest.fixture(scope="module")
def read_together() -> dict[str, Outcome]:
    """Every case by its name, all read in one batch that begins with a good message."""
    rows: list[Row] = [(GOOD, KAFKA_TIMESTAMP), *(row_of(case) for case in CASES)]
    return dict(zip([case.name for case in CASES], outcomes(frame_of(rows))[1:], strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_message_is_read_as_the_contract_says(case: Case, read_together: dict[str, Outcome]):
    assert read_together[case.name] == case.outcome
    assert parse_row(case.value, case.kafka_timestamp) == case.outcome


@pytest.mark.parametrize("case", [*object_members.CASES, *CASES[::40]], ids=lambda case: case.name)
def test_message_is_read_the_same_way_before_and_after_a_good_one(case: Case):
    rows = [row_of(case), (GOOD, KAFKA_TIMESTAMP), row_of(case)]
    assert outcomes(frame_of(rows)) == [case.outcome, EVENT, case.outcome]


@pytest.mark.parametrize("first", FIRST_MESSAGES, ids=FIRST_MESSAGES.keys())
def test_first_message_changes_nothing_for_the_others(first: str, read_together: dict[str, Outcome]):
    rows: list[Row] = [(FIRST_MESSAGES[first], KAFKA_TIMESTAMP), *(row_of(case) for case in CASES)]
    assert outcomes(frame_of(rows))[1:] == list(read_together.values())


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize(
    "time", ["2019-10-01 00:00:00 UTC", "2019-10-01T00:00:00.123Z", "2019-10-01T00:00:00.123456+00:00"]
)
def test_usual_messages_are_read_without_being_judged(
    time: str, separators: tuple[str, str], monkeypatch: pytest.MonkeyPatch
):
    event = {
        "event_time": time,
        "event_type": "purchase",
        "product_id": 1,
        "category_id": None,
        "category_code": None,
        "brand": "irisk",
        "price": 9.5,
        "user_id": 7,
        "user_session": "s",
        "page": True,
    }
    events = [event, {**event, "brand": "l'oréal, 2", "category_id": 3}, {**event, "brand": None}]
    rows: list[Row] = [
        (json.dumps(one, separators=separators, ensure_ascii=False).encode(), KAFKA_TIMESTAMP) for one in events
    ]
    monkeypatch.setattr(message_parser, "judge_tokens", None)
    assert outcomes(frame_of(rows)) == row_by_row(rows)


@pytest.mark.parametrize("member", [',"note":1', ',"note":{}', r',"n\u006fte":1'])
def test_unknown_member_changes_nothing_for_the_fields(member: str):
    cases = [*times.CASES, *texts.CASES, *numbers.CASES, *order_of_reasons.CASES]
    rows = [(with_member(case.value, member), case.kafka_timestamp) for case in cases]
    assert outcomes(frame_of([(GOOD, KAFKA_TIMESTAMP), *rows]))[1:] == [case.outcome for case in cases]


def test_names_of_the_cases_differ():
    assert len({case.name for case in CASES}) == len(CASES)


def test_every_reason_of_a_message_has_a_case():
    reasons = {case.outcome for case in CASES if isinstance(case.outcome, str)}
    elsewhere = {"conflicting_duplicate", "bad_line", "unknown_schema", "bad_avro"}
    assert reasons == REASONS.keys() - elsewhere


def test_bad_messages_leave_the_good_ones_among_them_alone():
    rows = [good_row(number) for number in range(len(CASES))] + [(row_of(case), case.outcome) for case in CASES]
    random.Random(2019).shuffle(rows)
    messages = frame_of([row for row, _ in rows])
    assert outcomes(messages) == [outcome for _, outcome in rows]
    assert_frame_equal(parse_events(messages).select(messages.columns), messages)


def test_chunks_and_slices_make_no_difference():
    rows = [row_of(case) for case in CASES[::10]]
    messages = frame_of(rows)
    chunks = pl.concat([messages[:7], messages[7:20], messages[20:]], rechunk=False)
    assert_frame_equal(parse_events(chunks), parse_events(messages))
    assert_frame_equal(parse_events(messages[5:50]), parse_events(messages)[5:50])


@pytest.mark.parametrize(
    "rows", [[], [(None, KAFKA_TIMESTAMP)], [(GOOD, KAFKA_TIMESTAMP)]], ids=["none", "bad", "good"]
)
def test_columns_do_not_depend_on_the_rows(rows: list[Row]):
    messages = frame_of(rows)
    assert parse_events(messages).schema == pl.Schema({**messages.schema, **ADDED_COLUMNS})


def test_only_refused_messages_have_a_detail():
    parsed = parse_events(frame_of([row_of(case) for case in CASES]))
    assert_frame_equal(parsed.select(pl.col("detail").is_null()), parsed.select(detail=pl.col("reason").is_null()))


def test_every_beginning_of_a_good_message_is_not_json():
    beginnings: list[Row] = [(GOOD[:end], KAFKA_TIMESTAMP) for end in range(len(GOOD))]
    assert outcomes(frame_of(beginnings)) == ["empty_value"] + ["not_json"] * (len(GOOD) - 1)
    assert row_by_row(beginnings) == ["empty_value"] + ["not_json"] * (len(GOOD) - 1)


def test_every_end_of_a_good_message_is_refused():
    ends: list[Row] = [(GOOD[start:], KAFKA_TIMESTAMP) for start in range(1, len(GOOD))]
    answers = outcomes(frame_of(ends))
    assert answers == row_by_row(ends)
    assert set(answers) == {"not_json", "trailing_data"}


@RANDOM_MESSAGES
@given(batches(alike_objects()))
def test_random_objects_alike_are_read_as_row_by_row(rows: list[Row]):
    assert outcomes(frame_of(rows)) == row_by_row(rows)


@RANDOM_MESSAGES
@given(batches(some(objects)))
def test_random_objects_are_read_as_row_by_row(rows: list[Row]):
    assert outcomes(frame_of(rows)) == row_by_row(rows)


@RANDOM_MESSAGES
@given(batches(some(st.one_of(damaged_objects, cut_objects))))
def test_damaged_objects_are_read_as_row_by_row(rows: list[Row]):
    assert outcomes(frame_of(rows)) == row_by_row(rows)


@RANDOM_MESSAGES
@given(batches(some(st.one_of(token_heaps, st.binary(max_size=40)))))
def test_arbitrary_bytes_are_read_as_row_by_row(rows: list[Row]):
    assert outcomes(frame_of(rows)) == row_by_row(rows)
