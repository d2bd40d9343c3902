"""JSONTestSuite (test_parsing): what is JSON may be the value of an unknown field, and what is none is refused."""

import polars as pl
import pytest

from assets.events.contract import REASONS, UTC_MICROSECONDS
from assets.events.message_parser import parse_events
from tests.assets.events.event_cases.good_event import GOOD, KAFKA_TIMESTAMP
from tests.conftest import SHARED_DATA

SUITE = SHARED_DATA / "json_test_suite"
STRUCTURAL = {"invalid_utf8", "byte_order_mark", "empty_value", "not_json", "trailing_data", "nested_too_deep"}
"""The reasons for what is no JSON."""


def texts(kind: str) -> dict[str, bytes]:
    """The suite's files whose names begin with `y` (JSON), `n` (none) or `i` (either)."""
    found = {path.stem: path.read_bytes() for path in sorted(SUITE.glob(f"{kind}_*.json"))}
    if not found:
        pytest.skip(f"JSONTestSuite is not at {SUITE}")
    return found


def reasons(values: dict[str, bytes]) -> dict[str, str | None]:
    """Why each value is refused; all of them are read in one batch, after a good message."""
    read = pl.DataFrame({"value": [GOOD, *values.values()]}).with_columns(
        kafka_timestamp=pl.lit(KAFKA_TIMESTAMP).cast(UTC_MICROSECONDS)
    )
    first, *others = parse_events(read)["reason"]
    assert first is None
    return dict(zip(values, others, strict=True))


def as_unknown_field(text: bytes) -> bytes:
    return GOOD.removesuffix(b"}") + b',"note":' + text + b"}"


def test_json_is_accepted_as_the_value_of_an_unknown_field() -> None:
    found = reasons({name: as_unknown_field(text) for name, text in texts("y").items()})

    assert {name: reason for name, reason in found.items() if reason is not None} == {}


def test_what_is_no_json_is_refused_as_the_value_of_an_unknown_field() -> None:
    found = reasons({name: as_unknown_field(text) for name, text in texts("n").items()})

    assert {name: reason for name, reason in found.items() if reason not in STRUCTURAL} == {}


def test_as_a_message_none_of_it_is_an_event() -> None:
    json = reasons(texts("y"))
    none = reasons(texts("n"))

    assert set(json.values()) == {"not_an_object", "missing_field", "duplicate_key"}
    assert {name: reason for name, reason in none.items() if reason not in STRUCTURAL} == {}


def test_what_may_be_either_stops_nobody() -> None:
    either = texts("i")
    found = reasons(either) | reasons({f"{name} in a field": as_unknown_field(text) for name, text in either.items()})

    assert set(found.values()) <= {None, *REASONS}
