"""Cases for event_type and the four texts."""

from tests.assets.events.event_cases.good_event import MEGABYTE, accepted, field_case

EVENT_TYPES = [
    *(
        field_case("event_type", token, token, accepted(event_type=stored))
        for token, stored in [
            ('"view"', "view"),
            ('"cart"', "cart"),
            ('"remove_from_cart"', "remove_from_cart"),
            ('"removefromcart"', "remove_from_cart"),
            ('"purchase"', "purchase"),
            (r'"\u0076ie\u0077"', "view"),
            (r'"remove\u005Ffrom\u005fcart"', "remove_from_cart"),
        ]
    ),
    *(
        field_case("event_type", token[:40], token, "unknown_event_type")
        for token in (
            *("12", "1.5", "true", "false", "[]", "{}", '["view"]', '{"view":1}', '"12"', '""', '" "', '"null"'),
            *('"View"', '"VIEW"', '"pURCHASE"', '"Remove_From_Cart"', '"removeFromCart"', '"remove-from-cart"'),
            *('" view"', '"view "', r'"view\n"', r'"view\u0000"', r'"view\ud800"', r'"\"view\""', '"views"', '"vie"'),
            *('"view,cart"', '"\uff56iew"', '"v\u200biew"', '"wishlist"', f'"{MEGABYTE}"', '"' + "view" * 1_000 + '"'),
        )
    ),
]

TEXTS = [
    field_case(
        field, name, token, outcome if outcome in ("bad_text", "text_too_long") else accepted(**{field: outcome})
    )
    for field in ("category_code", "brand", "user_session", "event_id")
    for name, token, outcome in [
        ("empty", '""', None),
        ("blank", '" "', " "),
        ("blanks around are kept", '"  a  "', "  a  "),
        ("digits", '"12"', "12"),
        ("the word null", '"null"', "null"),
        ("all short escapes", r'"\"\\\/\b\f\n\r\t"', '"\\/\b\f\n\r\t'),
        ("u escapes", r'"\u0041\u00e9\u00E9\u20ac\u2028"', "Aéé€\u2028"),
        ("an escaped escape", r'"\\u0041\\n"', r"\u0041\n"),
        ("many backslashes", r'"\\\\\\"', r"\\" + "\\"),
        ("surrogate pair, escaped", r'"\ud83d\ude00\uD83D\uDE00"', "😀😀"),
        ("astral character, raw", '"😀"', "😀"),
        ("last code points", '"\uffff\U0010ffff"', "\uffff\U0010ffff"),
        ("first and last pair", r'"\ud800\udc00\udbff\udfff"', "\U00010000\U0010ffff"),
        ("around the surrogates", r'"\ud7ff\ue000"', "\ud7ff\ue000"),
        ("control characters, escaped", r'"\u0001\u001f\u007f"', "\x01\x1f\x7f"),
        ("raw DEL, C1, separators", '"\x7f\x80\u2028\u2029"', "\x7f\x80\u2028\u2029"),
        ("combining letters are kept", '"e\u0301"', "e\u0301"),
        ("text like a price", r'"\",\"price\":\"9"', '","price":"9'),
        ("text like a member", r'",\"user_id\":1,"', ',"user_id":1,'),
        ("text like a value", '"}{[]:,"', "}{[]:,"),
        ("text of blanks", r'" \t\r\n"', " \t\r\n"),
        ("name of a field", '"price"', "price"),
        ("1,024 characters", '"' + "x" * 1_024 + '"', "x" * 1_024),
        ("1,024 astral characters", '"' + "😀" * 1_024 + '"', "😀" * 1_024),
        ("1,024 escaped characters", '"' + r"\u00e9" * 1_024 + '"', "é" * 1_024),
        ("1,024 escaped pairs", '"' + r"\ud83d\ude00" * 1_024 + '"', "😀" * 1_024),
        ("1,024 combining letters", '"' + "e\u0301" * 512 + '"', "e\u0301" * 512),
        ("1,025 characters", '"' + "x" * 1_025 + '"', "text_too_long"),
        ("1,025 blanks", '"' + " " * 1_025 + '"', "text_too_long"),
        ("1,025 astral characters", '"' + "😀" * 1_025 + '"', "text_too_long"),
        ("1,025 escaped characters", '"' + r"\n" * 1_025 + '"', "text_too_long"),
        ("1,025 escaped pairs", '"' + r"\ud83d\ude00" * 1_025 + '"', "text_too_long"),
        ("100,000 characters", '"' + "x" * 100_000 + '"', "text_too_long"),
        ("NUL alone", r'"\u0000"', "bad_text"),
        ("NUL inside", r'"a\u0000b"', "bad_text"),
        ("high half", r'"\ud83d"', "bad_text"),
        ("low half", r'"\ude00"', "bad_text"),
        ("halves in the wrong order", r'"\ude00\ud83d"', "bad_text"),
        ("two high halves and a low one", r'"\ud83d\ud83d\ude00"', "bad_text"),
        ("a pair and a low half", r'"\ud83d\ude00\ude00"', "bad_text"),
        ("halves apart", r'"\ud83d \ude00"', "bad_text"),
        ("high half and a raw character", r'"\ud83d😀"', "bad_text"),
        ("1,025 characters and NUL", '"' + "x" * 1_025 + r'\u0000"', "bad_text"),
        ("1,025 characters and half a pair", '"' + "x" * 1_025 + r'\udfff"', "bad_text"),
        ("number", "12", "bad_text"),
        ("zero", "0", "bad_text"),
        ("1e999", "1e999", "bad_text"),
        ("true", "true", "bad_text"),
        ("false", "false", "bad_text"),
        ("array", "[]", "bad_text"),
        ("array of a string", '["a"]', "bad_text"),
        ("object", "{}", "bad_text"),
        ("object with a price", '{"price":9}', "bad_text"),
    ]
]

CASES = [*EVENT_TYPES, *TEXTS, field_case("brand", "megabyte", f'"{MEGABYTE}"', "text_too_long")]
