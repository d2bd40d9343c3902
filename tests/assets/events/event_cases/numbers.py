"""Cases for product_id, category_id, user_id and price."""

from decimal import Decimal

from tests.assets.events.event_cases.good_event import MEGABYTE, accepted, field_case

INTEGER_TOKENS: list[tuple[str, str, int | str]] = [
    ("zero", "0", 0),
    ("minus zero", "-0", 0),
    ("negative", "-5", -5),
    ("19 digits, kept exactly", "2053013555631882655", 2053013555631882655),
    ("past what a float holds", "9007199254740993", 9007199254740993),
    ("greatest", "9223372036854775807", 2**63 - 1),
    ("least", "-9223372036854775808", -(2**63)),
    ("string", '"12"', 12),
    ("string with leading zeros", '"007"', 7),
    ("string of zeros", '"000"', 0),
    ("string of 19 digits", '"2053013555631882655"', 2053013555631882655),
    ("string, greatest", '"9223372036854775807"', 2**63 - 1),
    ("string, greatest behind 5,000 zeros", '"' + "0" * 5_000 + '9223372036854775807"', 2**63 - 1),
    ("string with escaped digits", r'"\u0031\u0032"', 12),
    ("one past the greatest", "9223372036854775808", "integer_out_of_range"),
    ("one past the least", "-9223372036854775809", "integer_out_of_range"),
    ("string, one past the greatest", '"9223372036854775808"', "integer_out_of_range"),
    ("unsigned 64 bits", "18446744073709551615", "integer_out_of_range"),
    ("unsigned 64 bits and 12", "18446744073709551628", "integer_out_of_range"),
    ("128 bits", "340282366920938463463374607431768211456", "integer_out_of_range"),
    ("5,000 digits", "9" * 5_000, "integer_out_of_range"),
    ("5,000 digits, negative", "-" + "9" * 5_000, "integer_out_of_range"),
    ("string of 5,000 digits", '"' + "9" * 5_000 + '"', "integer_out_of_range"),
    ("fraction", "1.9", "bad_integer"),
    ("fraction of zero", "1.0", "bad_integer"),
    ("exponent", "1e2", "bad_integer"),
    ("exponent, great", "1E+2", "bad_integer"),
    ("exponent, zero", "1e0", "bad_integer"),
    ("1e999", "1e999", "bad_integer"),
    ("fraction, past 64 bits", "99999999999999999999.5", "bad_integer"),
    ("true", "true", "bad_integer"),
    ("false", "false", "bad_integer"),
    ("array", "[]", "bad_integer"),
    ("array of one", "[12]", "bad_integer"),
    ("object", "{}", "bad_integer"),
    ("object of one", '{"id":12}', "bad_integer"),
    ("empty string", '""', "bad_integer"),
    ("blank string", '" "', "bad_integer"),
    ("string, negative", '"-5"', "bad_integer"),
    ("string, minus zero", '"-0"', "bad_integer"),
    ("string with plus", '"+5"', "bad_integer"),
    ("string with fraction", '"1.0"', "bad_integer"),
    ("string with exponent", '"1e2"', "bad_integer"),
    ("string with blank before", '" 12"', "bad_integer"),
    ("string with blank after", '"12 "', "bad_integer"),
    ("string with line feed after", r'"12\n"', "bad_integer"),
    ("string with NUL after", r'"12\u0000"', "bad_integer"),
    ("string with half a pair", r'"12\ud800"', "bad_integer"),
    ("string with underscore", '"1_000"', "bad_integer"),
    ("string with comma", '"1,000"', "bad_integer"),
    ("string, hexadecimal", '"0x10"', "bad_integer"),
    ("string of Arabic digits", '"\u0661\u0662"', "bad_integer"),
    ("string of full-width digits", '"\uff11\uff12"', "bad_integer"),
    ("string of a superscript", '"²"', "bad_integer"),
    ("string of a word", '"null"', "bad_integer"),
    ("string of NaN", '"NaN"', "bad_integer"),
    ("string in quotes", r'"\"12\""', "bad_integer"),
    ("string of a UUID", '"72d76fde-8bb3-4e00-8c23-a032dfed738c"', "bad_integer"),
    ("100,000 letters", '"' + "x" * 100_000 + '"', "bad_integer"),
    ("letters past 64 bits", '"99999999999999999999x"', "bad_integer"),
]

INTEGERS = [
    field_case(field, name, token, accepted(**{field: outcome}) if isinstance(outcome, int) else outcome)
    for field in ("product_id", "category_id", "user_id")
    for name, token, outcome in INTEGER_TOKENS
]

GOOD_PRICES = {
    "0.00": ("0", "-0", "0.0", "0.00", "-0.00", '"0"', '"-0"', '"00"', '"-0.00"', '"0000000000000.00"'),
    "35.79": ("35.79", '"35.79"', '"0035.79"', '"00000000000035.79"', r'"35\u002e79"', f'"{"0" * 5_000}35.79"'),
    "-35.79": ("-35.79", '"-35.79"', '"-0035.79"'),
    "35.50": ("35.5", "35.50", '"35.5"', '"35.50"'),
    "35.00": ("35", '"35"', "35.0", "35.00"),
    "0.01": ("0.01", '"0.01"', '"00.01"'),
    "-0.01": ("-0.01", '"-0.01"'),
    "7.00": ('"007"', "7", '"7.0"'),
    "0.10": ("0.1", "0.10"),
    "0.29": ("0.29",),
    "1.15": ("1.15", '"1.15"'),
    "4503599627.37": ("4503599627.37",),
    "9999999999.00": ("9999999999", '"9999999999"'),
    "9999999999.99": ("9999999999.99", '"9999999999.99"', '"0009999999999.99"'),
    "-9999999999.99": ("-9999999999.99", '"-9999999999.99"'),
}
BAD_PRICES = {
    "price_out_of_range": (
        *("10000000000", "-10000000000", "12345678901.5", '"12345678901.55"', '"0012345678901"'),
        *("9" * 5_000, f'"{"9" * 5_000}"', "1" + "0" * 400, "-" + "9" * 30 + ".99"),
    ),
    "price_too_precise": (
        *("1.500", "1.234", "-1.234", '"1.234"', "0.000", "0.001", "9999999999.999", '"1.000"', "12345678901.123"),
        *("0." + "0" * 5_000, "1." + "3" * 5_000, f'"1.{"3" * 5_000}"'),
    ),
    "bad_price": (
        *("true", "false", "[]", "[1]", "{}", '{"a":1}', '""', '" "', '"null"', '"NaN"', '"Infinity"', '"-Infinity"'),
        *("1e2", "1E2", "1e+2", "1e-2", "1.5e1", "1e0", "1e999", "-1e999", "1e99999999", '"1e2"', '"0x10"', '"1-"'),
        *('"+5"', '"1."', '".5"', '"."', '"-"', '"-.5"', '"--1"', '"- 1"', '"1.5.5"', '"1,5"', '"1 000"', '"1_000"'),
        *('" 1"', '"1 "', r'"1\n"', r'"1.50\n"', r'"\t1"', r'"1\u0000"', r'"1\ud800"', '"1.5 EUR"', '"$1"'),
        *('"\u0661\u0662"', '"\uff11.\uff15"', '"1.\uff15"', '"²"', '"\u22125"', r'"\"1\""', f'"{MEGABYTE}"'),
    ),
}

PRICES = [
    *(
        field_case("price", token[:40], token, accepted(price=Decimal(price)))
        for price, tokens in GOOD_PRICES.items()
        for token in tokens
    ),
    *(field_case("price", token[:40], token, reason) for reason, tokens in BAD_PRICES.items() for token in tokens),
]

CASES = [*INTEGERS, *PRICES]
