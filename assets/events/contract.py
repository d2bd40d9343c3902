"""What an event is: its fields, their types, and the reasons why one is refused.

Add here: a field or a reason code. All other code imports the contract from here.
Not here: how the text of a message becomes these columns (`message_parser`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl

UTC_MICROSECONDS = pl.Datetime("us", "UTC")
MONEY = pl.Decimal(12, 2)

EVENT = pl.Schema(
    {
        "event_time": UTC_MICROSECONDS,
        "event_type": pl.String(),
        "product_id": pl.Int64(),
        "category_id": pl.Int64(),
        "category_code": pl.String(),
        "brand": pl.String(),
        "price": MONEY,
        "user_id": pl.Int64(),
        "user_session": pl.String(),
    }
)
"""The nine fields, in the order of the data set. Together they identify an event without `event_id`."""

EXTRA = pl.Schema({"event_id": pl.String()})
"""More fields, all optional: texts or integers. A field added here is parsed from then on. Silver gets a column for it,
null in older rows."""

AddedFields = Mapping[str, datetime]
"""Fields of EXTRA that were added while a lake was in use, and when. What came before is not refused for them."""

NONE_ADDED: AddedFields = {}

FIELDS = (*EVENT, *EXTRA)
OPTIONAL = ("category_id", "category_code", "brand", "user_session", *EXTRA)
INTEGERS = tuple(name for name, kind in {**EVENT, **EXTRA}.items() if kind == pl.Int64)
TEXTS = tuple(name for name, kind in {**EVENT, **EXTRA}.items() if kind == pl.String and name != "event_type")

EVENT_TYPES = {
    "view": "view",
    "cart": "cart",
    "remove_from_cart": "remove_from_cart",
    "removefromcart": "remove_from_cart",
    "purchase": "purchase",
}

EARLIEST = datetime(2019, 1, 1, tzinfo=UTC)
AHEAD_OF_KAFKA = timedelta(days=1)
"""How far an event's own clock may run ahead of its Kafka timestamp."""

LONGEST_TEXT = 1_024
"""Characters in a text field; the longest real one has about forty."""

REASONS = {
    "null_value": "the message has no value",
    "empty_value": "the value is empty or only blanks",
    "invalid_utf8": "the bytes are not UTF-8",
    "byte_order_mark": "a byte-order mark precedes the JSON text",
    "not_json": "the text is not JSON (RFC 8259)",
    "trailing_data": "something follows the JSON value",
    "not_an_object": "the JSON value is not an object",
    "unknown_schema": "Avro whose schema the registry does not have",
    "bad_avro": "the bytes are not a record of their Avro schema",
    "bad_line": "an archive line is not CSV with the columns of its header",
    "nested_too_deep": "the JSON value is nested too deep to be read",
    "duplicate_key": "a key appears twice in the object",
    "missing_field": "a required field is absent or null",
    "bad_event_time": "not `2019-10-01 00:00:00 UTC` or ISO 8601 with an offset",
    "event_time_out_of_range": "before 2019, or more than a day after the Kafka timestamp",
    "unknown_event_type": "not view, cart, remove_from_cart or purchase",
    "bad_integer": "neither an integer nor a string of digits",
    "integer_out_of_range": "does not fit in 64 bits",
    "bad_price": "neither a plain decimal number nor a string of one",
    "price_too_precise": "more than two decimals",
    "price_out_of_range": "more than ten digits before the point",
    "bad_text": "not a string, or a string that holds NUL or half a surrogate pair",
    "text_too_long": f"a text field of more than {LONGEST_TEXT} characters",
    "conflicting_duplicate": "the event_id already occurred on that day with a different body",
}
"""Every reason code in quarantine, and what it means."""
