"""Cases with several faults at once: the first one, in the contract's order, is the reason."""

from tests.assets.events.event_cases.good_event import Case, message

TOO_LONG = '"' + "x" * 1_025 + '"'
IN_ORDER = [
    ("event_time", "null", "missing_field"),
    ("event_type", "null", "missing_field"),
    ("product_id", "null", "missing_field"),
    ("price", "null", "missing_field"),
    ("user_id", "null", "missing_field"),
    ("event_time", "12", "bad_event_time"),
    ("event_time", '"1970-01-01T00:00:00Z"', "event_time_out_of_range"),
    ("event_type", "12", "unknown_event_type"),
    ("product_id", "1.9", "bad_integer"),
    ("product_id", "9223372036854775808", "integer_out_of_range"),
    ("category_id", "true", "bad_integer"),
    ("category_id", "9223372036854775808", "integer_out_of_range"),
    ("user_id", '"-5"', "bad_integer"),
    ("user_id", "9223372036854775808", "integer_out_of_range"),
    ("price", "1e2", "bad_price"),
    ("price", "12345678901.234", "price_too_precise"),
    ("price", "12345678901.23", "price_out_of_range"),
    ("category_code", "[]", "bad_text"),
    ("category_code", TOO_LONG, "text_too_long"),
    ("brand", "[]", "bad_text"),
    ("brand", TOO_LONG, "text_too_long"),
    ("user_session", "[]", "bad_text"),
    ("user_session", TOO_LONG, "text_too_long"),
    ("event_id", "[]", "bad_text"),
    ("event_id", TOO_LONG, "text_too_long"),
]


def first_fault(number: int) -> Case:
    """A message with this fault, and with later faults in the other fields."""
    field, token, reason = IN_ORDER[number]
    faults = {later: fault for later, fault, _ in reversed(IN_ORDER[number:])}
    return Case(f"first of the faults left, {number}: {field} {token[:20]}", message(**faults), reason)


CASES = [first_fault(number) for number in range(len(IN_ORDER))]
