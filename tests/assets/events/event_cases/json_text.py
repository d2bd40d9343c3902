"""Cases for the value as a whole: its bytes, whether it is JSON, an object, and one value only."""

from tests.assets.events.event_cases.good_event import (
    GOOD,
    MEMBERS,
    TOKENS,
    Case,
    accepted,
    field_case,
    joined,
    message,
    nested,
)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def with_bytes(field: str, raw: bytes) -> bytes:
    """The good message with raw bytes as the content of a string."""
    return message(**{field: '"@"'}).replace(b"@", raw)


BYTES = [
    Case("no value", None, "null_value"),
    Case("no bytes", b"", "empty_value"),
    Case("one space", b" ", "empty_value"),
    Case("every kind of blank", b" \t\r\n", "empty_value"),
    Case("form feed", b"\f", "not_json"),
    Case("no-break space", b"\xc2\xa0", "not_json"),
    Case("NUL byte alone", b"\0", "not_json"),
    Case("NUL byte before", b"\0" + GOOD, "not_json"),
    Case("NUL byte after", GOOD + b"\0", "trailing_data"),
    Case("byte FF alone", b"\xff", "invalid_utf8"),
    Case("latin-1 brand", with_bytes("brand", b"caf\xe9"), "invalid_utf8"),
    Case("raw lone high surrogate", with_bytes("brand", b"\xed\xa0\x80"), "invalid_utf8"),
    Case("raw lone low surrogate", with_bytes("brand", b"\xed\xb0\x80"), "invalid_utf8"),
    Case("raw surrogate pair (CESU-8)", with_bytes("brand", b"\xed\xa0\xbd\xed\xb8\x80"), "invalid_utf8"),
    Case("overlong NUL", with_bytes("brand", b"\xc0\x80"), "invalid_utf8"),
    Case("overlong slash", with_bytes("brand", b"\xe0\x80\xaf"), "invalid_utf8"),
    Case("past the last code point", with_bytes("brand", b"\xf4\x90\x80\x80"), "invalid_utf8"),
    Case("cut inside a character", with_bytes("brand", b"\xf0\x9f\x98"), "invalid_utf8"),
    Case("invalid UTF-8 in an unknown field", message(',"note":"@"').replace(b"@", b"\xff"), "invalid_utf8"),
    Case("invalid UTF-8 after the object", GOOD + b"\xff", "invalid_utf8"),
    Case("invalid UTF-8 in what is no JSON", b"no JSON \xff", "invalid_utf8"),
    Case("UTF-16", GOOD.decode().encode("utf-16"), "invalid_utf8"),
    Case("UTF-16 without its mark", GOOD.decode().encode("utf-16-be"), "not_json"),
    Case("byte-order mark", BYTE_ORDER_MARK + GOOD, "byte_order_mark"),
    Case("byte-order mark alone", BYTE_ORDER_MARK, "byte_order_mark"),
    Case("byte-order mark before no JSON", BYTE_ORDER_MARK + b"no JSON", "byte_order_mark"),
    Case("byte-order mark and invalid UTF-8", BYTE_ORDER_MARK + b"\xff", "invalid_utf8"),
    Case("byte-order mark after", GOOD + BYTE_ORDER_MARK, "trailing_data"),
    Case("byte-order mark in a brand", with_bytes("brand", BYTE_ORDER_MARK), accepted(brand="\ufeff")),
]

TEXTS_NOT_JSON: list[tuple[str, str | bytes]] = [
    ("a word", "hello"),
    ("a header row", "event_time,event_type,product_id"),
    ("NaN", "NaN"),
    ("Infinity", "Infinity"),
    ("-Infinity", "-Infinity"),
    ("True", "True"),
    ("a sign", "-"),
    ("a plus", "+5"),
    ("an opening brace", "{"),
    ("a closing brace", "}"),
    ("an open string", '"view'),
    ("single quotes", GOOD.replace(b'"', b"'")),
    ("no closing brace", GOOD[:-1]),
    ("bracket for a brace", GOOD[:-1] + b"]"),
    ("trailing comma", message(",")),
    ("leading comma", b"{," + GOOD[1:]),
    ("two commas", message(',,"note":1')),
    ("no comma", message('"note":1')),
    ("semicolon", GOOD.replace(b",", b";")),
    ("no colon", message(',"note" 1')),
    ("two colons", message(',"note"::1')),
    ("equals sign", message(',"note"=1')),
    ("key without quotes", message(",note:1")),
    ("key that is a number", message(",1:1")),
    ("key that is null", message(",null:1")),
    ("key alone", message(',"note"')),
    ("key without a value", message(',"note":')),
    ("comment", message("/* note */")),
    ("line comment", message("// note\n")),
    ("form feed between members", joined(MEMBERS, comma=",\f")),
    ("vertical tab between members", joined(MEMBERS, comma=",\v")),
    ("no-break space between members", joined(MEMBERS, comma=",\u00a0")),
    ("unclosed array in an unknown field", message(',"note":[1')),
    ("array closed by a brace", message(',"note":[1}')),
    ("trailing comma in an array", message(',"note":[1,]')),
    ("no comma in an array", message(',"note":[1 2]')),
    ("key in an array", message(',"note":["a":1]')),
    ("trailing comma in an inner object", message(',"note":{"a":1,}')),
    ("NaN in an unknown field", message(',"note":NaN')),
    ("NaN deep in an unknown field", message(',"note":[{"a":[NaN]}]')),
]

NOT_JSON = [Case(name, text.encode() if isinstance(text, str) else text, "not_json") for name, text in TEXTS_NOT_JSON]

BAD_STRINGS = [
    Case(f"{place}: {name}", message(extra, **tokens), "not_json")
    for name, content in [
        ("raw NUL", "\0"),
        ("raw tab", "a\tb"),
        ("raw line feed", "a\nb"),
        ("raw unit separator", "\x1f"),
        ("unknown escape", r"\x41"),
        ("escaped single quote", r"\'"),
        ("upper-case U escape", r"\U0041"),
        ("short u escape", r"\u41"),
        ("u escape that is not hexadecimal", r"\u00g1"),
        ("u escape with a sign", r"\u+041"),
        ("u escape with a blank", r"\u 041"),
        ("u escape with an underscore", r"\u0_41"),
        ("u escape with unicode digits", "\\u\u0660\u0660\u0664\u0661"),
        ("escaped closing quote", "\\"),
    ]
    for place, extra, tokens in [
        ("brand", "", {"brand": f'"{content}"'}),
        ("unknown field", f',"note":"{content}"', {}),
        ("key", f',"{content}":1', {}),
        ("inner string", f',"note":[["{content}"]]', {}),
    ]
]

BAD_TOKENS = [
    field_case(field, token, token, "not_json")
    for field in TOKENS
    for token in (
        *("NaN", "Infinity", "-Infinity", "nan", "+5", "007", "-01", "1.", ".5", "-.5", "-", "--1", "- 1", "1 2", "1e"),
        *("1e+", "1.e5", "0x10", "1_000", "1,5", "True", "None", "nul", "nullx", "truefalse", "undefined", "view"),
        *("'view'", '"view', 'view"', '"a""b"', "", "{", "[", "]", "{1}", '{"a"}', "[1,]", "\u0661\u0662", "1\u00a0"),
    )
]

NOT_AN_OBJECT = [
    Case("array", b"[]", "not_an_object"),
    Case("array that holds the event", b"[" + GOOD + b"]", "not_an_object"),
    Case("string", b'"view"', "not_an_object"),
    Case("string that holds the event", b'"' + GOOD.replace(b'"', b'\\"') + b'"', "not_an_object"),
    Case("number", b"12", "not_an_object"),
    Case("negative number with exponent", b"-1.5E+10", "not_an_object"),
    Case("number too great for a float", b"1e999", "not_an_object"),
    Case("number of 5,000 digits", b"9" * 5_000, "not_an_object"),
    Case("true", b"true", "not_an_object"),
    Case("false", b"false", "not_an_object"),
    Case("null", b"null", "not_an_object"),
    Case("blanks and null", b" \r\n\tnull ", "not_an_object"),
    Case("array nested 10,000 deep", nested("[", "]", 10_000).encode(), "nested_too_deep"),
    Case("10,000 brackets never closed", b"[" * 10_000, "nested_too_deep"),
]

TRAILING_DATA = [
    Case("two objects", GOOD + GOOD, "trailing_data"),
    Case("two objects in two lines", GOOD + b"\n" + GOOD, "trailing_data"),
    Case("two empty objects", b"{}{}", "trailing_data"),
    Case("a word after", GOOD + b" end", "trailing_data"),
    Case("a comma after", GOOD + b",", "trailing_data"),
    Case("a brace after", GOOD + b"}", "trailing_data"),
    Case("a form feed after", GOOD + b"\f", "trailing_data"),
    Case("a no-break space after", GOOD + b"\xc2\xa0", "trailing_data"),
    Case("an array and an object", b"[]{}", "trailing_data"),
    Case(
        "a CSV row",
        b"2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,",
        "trailing_data",
    ),
    Case("two numbers", b"1 2", "trailing_data"),
    Case("a number with a leading zero", b"01", "trailing_data"),
    Case("a number with a bare point", b"1.", "trailing_data"),
    Case("two literals", b"truefalse", "trailing_data"),
    Case("null and null", b"null null", "trailing_data"),
    Case("duplicate key, and trailing data", message(',"price":1') + b"x", "trailing_data"),
    Case("10,000 deep, and trailing data", message(',"note":' + nested("[", "]", 10_000)) + b"x", "nested_too_deep"),
]

CASES = [*BYTES, *NOT_JSON, *BAD_STRINGS, *BAD_TOKENS, *NOT_AN_OBJECT, *TRAILING_DATA]
