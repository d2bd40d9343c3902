"""Random messages for hypothesis: events with few faults, in odd spellings and layouts, damaged bytes, and any bytes.

A message is built from JSON text, not from values, so that any spelling of a value may occur.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.assets.events.event_cases.good_event import GOOD, KAFKA_TIMESTAMP, TOKENS

T = TypeVar("T")

Member = tuple[str, str]
"""The JSON text of a key and of its value."""

Row = tuple[bytes | None, datetime]
"""A message's value and its Kafka timestamp."""

SHORT_ESCAPES = {'"': r"\"", "\\": r"\\", "/": r"\/", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
ODD_CHARACTERS = 'aAé€😀"\\/:,{}[]0159-+.eE \t\n\r\0\x1f\x7f\u00a0\u0660\u2028\ufeff\uffff\ud83d\ude00'


def _u_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(rf"\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _plainly(character: str) -> str:
    """The character itself, if JSON and UTF-8 allow it."""
    if character in '"\\' or character < " ":
        return SHORT_ESCAPES.get(character, _u_escape(character))
    return _u_escape(character) if "\ud800" <= character <= "\udfff" else character


def _shortly(character: str) -> str:
    return SHORT_ESCAPES.get(character, _plainly(character))


def _in_capitals(character: str) -> str:
    return _u_escape(character).upper().replace("U", "u")


SPELLINGS: list[Callable[[str], str]] = [_plainly, _plainly, _plainly, _shortly, _u_escape, _in_capitals]


@st.composite
def spelled(draw: DrawFn, texts: SearchStrategy[str]) -> str:
    """JSON text of a string: the first character spelled one way, the others another way."""
    text = draw(texts)
    first, others = draw(st.sampled_from(SPELLINGS)), draw(st.sampled_from(SPELLINGS))
    return '"' + "".join(map(first, text[:1])) + "".join(map(others, text[1:])) + '"'


def quoted(texts: SearchStrategy[str]) -> SearchStrategy[str]:
    return texts.map(lambda text: f'"{text}"')


def either(*choices: str) -> SearchStrategy[str]:
    return st.sampled_from(choices)


def mostly(usual: SearchStrategy[T], other: SearchStrategy[T]) -> SearchStrategy[T]:
    """The second one, one time in four."""
    return st.sampled_from([usual, usual, usual, other]).flatmap(lambda strategy: strategy)


def glued(*parts: SearchStrategy[str]) -> SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


odd_texts = st.text(st.sampled_from(ODD_CHARACTERS), max_size=6)
long_texts = st.builds(lambda character, size: character * size, st.sampled_from("x😀\n"), st.integers(1_022, 1_027))
digits = st.text("0123456789", min_size=1, max_size=22)
dates = either(
    *("2019-10-01", "2019-10-01", "2019-10-02", "2019-01-01", "2018-12-31", "2020-02-29", "2019-02-29", "2019-02-30"),
    *("0000-01-01", "0001-01-01", "9999-12-31", "2019-13-01", "2019-00-10", "2019-1-01", "\u0662019-10-01"),
)
clocks = either("00:00:00", "00:00:10", "23:59:59", "12:34:56", "24:00:00", "23:59:60", "23:60:00", "1:00:00", "00:00")
fractions = st.one_of(either("", "", ".", ".999999999", ".0000001"), st.from_regex(r"\.[0-9]{1,10}", fullmatch=True))
zones = either(
    *(" UTC", " UTC", "Z", "+00:00", "-00:01", "+14:00", "-03:30", "+0530", "-2359", "+23:59", "+24:00", "-05:60"),
    *("", "z", "UTC", " utc", "  UTC", "+05", " +00:00", "Z ", " UTC\n", "\u221205:30"),
)
moments = glued(dates, either("T", " ", "T", " ", "t", "", "  "), clocks, fractions, zones)
good_dates = either("2019-09-30", "2019-10-01", "2019-01-02")
good_clocks = either("00:00:00", "23:59:59", "00:00:00.5", "12:34:56.123456789")
good_moments = glued(good_dates, either("T", " "), good_clocks, either(" UTC", "Z", "-00:00", "+0530", "+14:00"))
near_bounds = st.builds(
    lambda bound, shift: str(bound + shift),
    st.sampled_from([0, 10**10, 2**31, 2**53, 2**63, -(2**63), 2**64, 10**19]),
    st.integers(-2, 2),
)
prices = glued(either("", "", "-", "+"), digits, either("", "", ".", ".5", ".50", ".500", ".123", "e2", ".5e-1"))
good_prices = glued(either("0", "7", "35", "9999999999", "-1"), either("", ".5", ".79", ".00"))
wrong_types = either(
    "[]", "{}", "true", "false", "null", "12", '"12"', '""', "1.5", "-0", "1e999", '["a"]', '{"price":9}'
)
not_json = either(
    "NaN", "-Infinity", "007", "+5", "1.", ".5", "--1", "nul", "'a'", '"', '"\\x"', '"\t"', '"\\u12"', "", "\f"
)


def _whatever(text: SearchStrategy[str]) -> SearchStrategy[str]:
    """The text as a bare token, and in a string."""
    return st.one_of(text, quoted(text), spelled(text))


GOOD_TOKENS: dict[str, SearchStrategy[str]] = {
    "event_time": spelled(good_moments),
    "event_type": spelled(either("view", "cart", "remove_from_cart", "removefromcart", "purchase")),
    **dict.fromkeys(("product_id", "user_id"), st.one_of(either("0", '"007"', "9223372036854775807"), near_bounds)),
    "category_id": either("null", "2103807459595387724", '"0012"', "-9223372036854775808"),
    "price": st.one_of(good_prices, quoted(good_prices)),
    **dict.fromkeys(("category_code", "brand"), st.one_of(either("null", '""', '"acer"'), spelled(odd_texts))),
    **dict.fromkeys(("user_session", "event_id"), spelled(st.text(st.sampled_from('a😀"\\/,:{}'), max_size=4))),
}
"""Mostly good ones."""

FAULTY_TOKENS: dict[str, SearchStrategy[str]] = {
    "event_time": spelled(moments),
    "event_type": spelled(either("View", "view ", "view\n", "CART", "remove", "remove_from_cart\0", "purchase\ud800")),
    **dict.fromkeys(("product_id", "category_id", "user_id"), _whatever(st.one_of(near_bounds, digits, prices))),
    "price": _whatever(st.one_of(prices, near_bounds, odd_texts)),
    **dict.fromkeys(("category_code", "brand", "user_session", "event_id"), spelled(st.one_of(odd_texts, long_texts))),
}


def faulty_token(field: str) -> SearchStrategy[str]:
    return mostly(FAULTY_TOKENS[field], st.one_of(wrong_types, not_json))


inner_keys = st.one_of(spelled(st.sampled_from([*TOKENS, "note"])), spelled(odd_texts))
inner_values = st.recursive(
    st.one_of(wrong_types, spelled(odd_texts), quoted(either(r"\",\"price\":\"9", r"\\", r"\\\"", "price"))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ",".join(items) + "]"),
        st.lists(st.tuples(inner_keys, inner), max_size=3).map(
            lambda members: "{" + ",".join(f"{key}: {value}" for key, value in members) + "}"
        ),
    ),
    max_leaves=4,
)
unknown_keys = st.one_of(spelled(odd_texts), either('"note"', '"Price"', '"old_price"', r'"a\"price"', r'"price\\"'))
extra_members = st.tuples(mostly(unknown_keys, spelled(st.sampled_from([*TOKENS]))), inner_values)
blanks = either(*("", " ", "\t", "\n", "\r", " \r\n\t ") * 5, "\f")
now_and_then = mostly(st.none(), st.sampled_from([*TOKENS]))


@st.composite
def members(draw: DrawFn) -> list[Member]:
    """The ten fields, and extra members. Up to two fields may be faulty, one missing, one with an escaped key."""
    faults = draw(mostly(st.lists(st.sampled_from([*TOKENS]), min_size=1, max_size=2), st.just([])))
    left_out, escaped = draw(now_and_then), draw(now_and_then)
    fields = [
        (
            draw(spelled(st.just(field))) if field == escaped else f'"{field}"',
            draw(faulty_token(field) if field in faults else GOOD_TOKENS[field]),
        )
        for field in TOKENS
        if field != left_out
    ]
    found = fields + draw(st.lists(extra_members, max_size=2))
    return draw(mostly(st.just(found), st.permutations(found)))


@st.composite
def laid_out(draw: DrawFn, found: list[Member]) -> bytes:
    """One object, with the same blanks around every comma, every colon, and every brace."""
    comma, colon, brace = draw(blanks), draw(blanks), draw(blanks)
    inside = f"{comma},{comma}".join(f"{key}{colon}:{colon}{value}" for key, value in found)
    return f"{brace}{{{brace}{inside}{brace}}}{brace}".encode("utf-8", "surrogatepass")


@st.composite
def alike_objects(draw: DrawFn) -> list[bytes]:
    """Objects with the same keys in the same order; each differs from the first in up to two values."""
    found = draw(members())
    return [draw(laid_out(found)), *draw(st.lists(_varied(found).flatmap(laid_out), max_size=8))]


@st.composite
def _varied(draw: DrawFn, found: list[Member]) -> list[Member]:
    places = draw(st.lists(st.integers(0, len(found) - 1), max_size=2))
    return [(key, draw(_token(key)) if place in places else value) for place, (key, value) in enumerate(found)]


def _token(key: str) -> SearchStrategy[str]:
    field = key.strip('"')
    return mostly(GOOD_TOKENS[field], faulty_token(field)) if field in TOKENS else inner_values


objects = members().flatmap(laid_out)

Edit = tuple[int, int, bytes]
"""Where to edit, how many bytes to drop there, and which to insert."""

snippets = st.sampled_from(
    [
        *rb'" \ , : { } [ ] 0 - e . null \u0000 \ud83d ,"price":1'.split(),
        *(b"", b" ", b"\0", b"\n", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80"),
    ]
)
edits = st.tuples(st.integers(0, 400), st.integers(0, 3), st.one_of(snippets, st.binary(max_size=2)))


def _edited(value: bytes, changes: list[Edit]) -> bytes:
    for at, dropped, put_in in changes:
        place = at % (len(value) + 1)
        value = value[:place] + put_in + value[place + dropped :]
    return value


damaged_objects = st.builds(_edited, objects, st.lists(edits, min_size=1, max_size=2))
cut_objects = st.builds(lambda value, end: value[: end % (len(value) + 1)], objects, st.integers(0, 500))
tokens = st.sampled_from(
    [*"{}[],:", *(f'"{field}"' for field in TOKENS), *TOKENS.values(), "null", "NaN", "1e5", " ", "01", '"', "\ufeff"]
)
token_heaps = st.lists(tokens, max_size=12).map(lambda heap: "".join(heap).encode())

kafka_timestamps = st.sampled_from(
    [
        *[KAFKA_TIMESTAMP] * 8,
        *(datetime(2019, 10, 1, tzinfo=UTC) + timedelta(microseconds=shift) for shift in (-1, 0, 1)),
        datetime(2018, 12, 31, tzinfo=UTC),
    ]
)
other_rows: SearchStrategy[list[Row]] = st.sampled_from([[], [(GOOD, KAFKA_TIMESTAMP)], [(None, KAFKA_TIMESTAMP)]])


def batches(values: SearchStrategy[list[bytes]]) -> SearchStrategy[list[Row]]:
    """Messages that are read in one call, sometimes after a good one or one without a value."""
    rows = values.flatmap(lambda found: st.tuples(*(st.tuples(st.just(value), kafka_timestamps) for value in found)))
    return st.builds(lambda before, found: [*before, *found], other_rows, rows)


def some(values: SearchStrategy[bytes]) -> SearchStrategy[list[bytes]]:
    return st.lists(values, min_size=1, max_size=10)
