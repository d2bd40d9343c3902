"""Cases for the object: blanks, keys, depth, missing fields, and unknown fields."""

from tests.assets.events.event_cases.good_event import (
    GOOD,
    MEGABYTE,
    MEMBERS,
    TOKENS,
    Case,
    accepted,
    changed,
    joined,
    message,
    nested,
)

BLANKS = [
    Case("blanks of all kinds around the value", b" \t\r\n" + GOOD + b"\n\r\t ", accepted()),
    Case("a line feed after", GOOD + b"\n", accepted()),
    *(
        Case(
            f"blank {blank!r} between all tokens",
            joined([m.replace('":', f'"{blank}:{blank}', 1) for m in MEMBERS], f"{blank},{blank}", blank, blank),
            accepted(),
        )
        for blank in (" ", "\t", "\r", "\n", " \t\r\n")
    ),
    Case("blanks inside the braces", b"{ \t\r\n" + GOOD[1:-1] + b"\n\r\t }", accepted()),
    Case("an empty object with blanks", b" { \n } ", "missing_field"),
]

DUPLICATE_KEYS = [
    *(Case(f"{field} twice", message(f',"{field}":{token}'), "duplicate_key") for field, token in TOKENS.items()),
    *(Case(f"{field} twice, once null", message(f',"{field}":null'), "duplicate_key") for field in TOKENS),
    Case("price twice, one escaped", message(r',"pr\u0069ce":1'), "duplicate_key"),
    Case("price twice, both escaped", message(r',"pr\u0069ce":1,"\u0070rice":1', price=None), "duplicate_key"),
    Case("price twice, next to each other", message(price='35.79,"price":35.79'), "duplicate_key"),
    Case("price twice, with blanks", message(' , "price" : 1'), "duplicate_key"),
    Case("brand twice, once as a nested object", message(',"brand":{"a":1}'), "duplicate_key"),
    Case("unknown key twice", message(',"note":1,"note":1'), "duplicate_key"),
    Case("unknown key twice, one escaped", message(r',"note":1,"n\u006fte":1'), "duplicate_key"),
    Case("slash key twice, one escaped", message(r',"a/b":1,"a\/b":1'), "duplicate_key"),
    Case("empty key twice", message(',"":1,"":2'), "duplicate_key"),
    Case("emoji key twice, one as an escaped pair", message(r',"😀":1,"\ud83d\ude00":1'), "duplicate_key"),
    Case("half a pair as a key twice", message(r',"\ud83d":1,"\uD83D":1'), "duplicate_key"),
    Case("hexadecimal case of a key", message(r',"\u00e9":1,"\u00E9":1'), "duplicate_key"),
    Case("nothing else, key twice", b'{"a":1,"a":1}', "duplicate_key"),
    Case("key three times", b'{"a":1,"a":1,"a":1}', "duplicate_key"),
    Case("key in another case", message(',"Price":1,"PRICE":2'), accepted()),
    Case("key with a blank", message(',"price ":1," price":2'), accepted()),
    Case("composed and decomposed letter", message(',"\u00e9":1,"e\u0301":1'), accepted()),
    Case("two different halves of a pair", message(r',"\ud83d":1,"\ude00":1'), accepted()),
    Case("key twice in an inner object", message(',"note":{"a":1,"a":2}'), accepted()),
    Case("key twice in objects of an array", message(',"note":[{"a":1,"a":2},{"a":3}]'), accepted()),
    Case("price inside and outside", message(',"note":{"price":9,"price":8}'), accepted()),
]

DEPTH = [
    Case("unknown arrays 10,000 deep", message(',"note":' + nested("[", "]", 10_000)), "nested_too_deep"),
    Case("unknown objects 10,000 deep", message(',"note":' + nested('{"a":', "}", 10_000)), "nested_too_deep"),
    Case("brand 10,000 deep", message(brand=nested("[", "]", 10_000)), "nested_too_deep"),
    Case("object 10,000 deep", nested('{"a":', "}", 10_000).encode(), "nested_too_deep"),
    Case("10,000 deep with a duplicate key", message(',"price":' + nested("[", "]", 10_000)), "nested_too_deep"),
    Case("unknown arrays 500 deep", message(',"note":' + nested("[", "]", 500)), accepted()),
    Case("unknown objects 500 deep", message(',"note":' + nested('{"price":', "}", 500)), accepted()),
    Case("10,000 brackets side by side", message(',"note":[' + ",".join(["[]"] * 10_000) + "]"), accepted()),
    Case("10,000 brackets in a string", message(',"note":"' + "[" * 10_000 + '"'), accepted()),
]

MISSING_FIELDS = [
    *(
        Case(f"{field} {how}", changed(field, token), "missing_field")
        for field in ("event_time", "event_type", "product_id", "price", "user_id")
        for how, token in (("absent", None), ("null", "null"))
    ),
    *(
        Case(f"{field} {how}", changed(field, token), accepted(**{field: None}))
        for field in ("category_id", "category_code", "brand", "user_session", "event_id")
        for how, token in (("absent", None), ("null", "null"))
    ),
    Case("empty object", b"{}", "missing_field"),
    Case(
        "only optional fields", message(event_time=None, event_type=None, product_id=None, price=None), "missing_field"
    ),
    Case("price under a key in another case", message(',"Price":35.79', price=None), "missing_field"),
    Case("price only in an inner object", message(',"note":{"price":35.79}', price=None), "missing_field"),
    Case("price only in an inner array", message(',"note":["price",35.79]', price=None), "missing_field"),
    Case("price only in a text", message(r',"note":"\",\"price\":35.79,\""', price=None), "missing_field"),
    Case("price only after an escaped quote", message(r',"a\"price":35.79', price=None), "missing_field"),
]

EXTRA_FIELDS = [
    Case(f"unknown field: {name}", message(f",{member}"), accepted())
    for name, member in [
        ("string", '"note":"gift"'),
        ("empty string", '"note":""'),
        ("number", '"note":-1.5e+10'),
        ("number too great for a float", '"note":1e999'),
        ("integer of 5,000 digits", '"note":' + "9" * 5_000),
        ("true", '"note":true'),
        ("null", '"note":null'),
        ("array", '"note":[1,"a",null,[],{}]'),
        ("object", '"note":{"a":{"b":[]}}'),
        ("megabyte", f'"note":"{MEGABYTE}"'),
        ("price in an object", '"note":{"price":9}'),
        ("whole event in an object", '"note":' + message(price="9", user_id="9").decode()),
        ("whole event in an array", '"note":[' + message(price="9").decode() + "]"),
        ("text like a price", r'"note":"\",\"price\":\"9"'),
        ("text like a price, u escapes", r'"note":"\u0022,\u0022price\u0022:\u00229"'),
        ("text like the end of the object", r'"note":"}{\"price\":9}"'),
        ("text that is price", '"note":"price"'),
        ("text that ends with a backslash", r'"note":"\\"'),
        ("text that ends with a backslash and a quote", r'"note":"\\\""'),
        ("text with NUL", r'"note":"\u0000"'),
        ("text with half a pair", r'"note":"\ud83d"'),
        ("text with DEL and line separators", '"note":"\x7f\u0085\u2028\u2029"'),
        ("5,000 of them", ",".join(f'"note{number}":{number}' for number in range(5_000))),
        ("key of a megabyte", f'"{MEGABYTE}":1'),
        ("key of letters outside ASCII", '"größe":1,"数":1,"x²":1'),
        ("key of an underscore", '"_":1'),
        ("key like a pattern", '"(?P<price>.*)":9,"pric.":9,"price|brand":9,"price{2}":9,"[price]":9'),
        ("empty key", '"":1'),
        ("key with a quote", r'"a\"price":9'),
        ("key with a backslash", r'"price\\":9'),
        ("key like a price", r'"x\",\"price\":9,\"y":9'),
        ("key with a colon", '"price:":9'),
        ("key with NUL", r'"\u0000":9'),
        ("key that begins like a field", '"price_before":9'),
        ("key that ends like a field", '"old_price":9'),
        ("key with a path", '"$.price":9,"note.price":9,"/price":9'),
        ("reason and detail", '"reason":"not_json","detail":"x"'),
        ("columns of Kafka", '"value":1,"kafka_timestamp":2,"offset":3'),
    ]
]

SPELLING = [
    Case("keys in reverse order", joined(MEMBERS[::-1]), accepted()),
    Case("unknown field first", joined(['"note":{"price":9}', *MEMBERS]), accepted()),
    *(
        Case(
            f"{field} under an escaped key",
            GOOD.replace(field.encode(), rf"\u{ord(field[0]):04x}{field[1:]}".encode()),
            accepted(),
        )
        for field in TOKENS
    ),
    Case("key escaped with upper-case hexadecimal", GOOD.replace(b'"product_id"', rb'"product\u005Fid"'), accepted()),
]

CASES = [*BLANKS, *DUPLICATE_KEYS, *DEPTH, *MISSING_FIELDS, *EXTRA_FIELDS, *SPELLING]
