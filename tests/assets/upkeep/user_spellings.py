"""How a message or a line may say whose it is: every spelling of the number, at every place, in every kind of message.

Add here: a way to name a user. Not here: what becomes of it (`test_forget_matrix`).
"""

import json
from collections.abc import Callable

from tests.conftest import event

Message = tuple[bytes | None, bytes | None]
"""A key and a value."""

Say = Callable[[int, int], Message]
"""Makes the message about a user; the second number tells it from all others."""

SPELLINGS: dict[str, Callable[[int], str]] = {
    "number": str,
    "string": lambda user: f'"{user}"',
    "one digit escaped": lambda user: f'"{str(user)[:-1]}\\u003{str(user)[-1]}"',
    "all digits escaped": lambda user: '"' + "".join(f"\\u003{digit}" for digit in str(user)) + '"',
    "leading zero": lambda user: f'"0{user}"',
    "padded": lambda user: f'" {user}\\t"',
    "fraction": lambda user: f"{user}.0",
    "exponent": lambda user: f"{user / 10 ** (len(str(user)) - 1)}e{len(str(user)) - 1}",
    "wide digits": lambda user: '"' + "".join(chr(0xFF10 + int(digit)) for digit in str(user)) + '"',
}


def said(user: str, product: int, **fields: object) -> bytes:
    """A purchase as JSON, with the user spelled as given."""
    return event(user_id="USER", product_id=product, **fields).replace(b'"USER"', user.encode())


PLACES: dict[str, Callable[[str, int], bytes]] = {
    "user_id": said,
    "escaped field name": lambda user, n: said(user, n).replace(b"user_id", b"user\\u005fid"),
    "bad_price": lambda user, n: said(user, n, price="x"),
    "bad_event_time": lambda user, n: said(user, n, event_time="noon"),
    "event_time_out_of_range": lambda user, n: said(user, n, event_time="2099-01-01 00:00:00 UTC"),
    "missing_field": lambda user, n: said(user, n, event_type=None),
    "duplicate_key": lambda user, n: said(user, n).replace(b"{", b'{"user_id": 5, ', 1),
    "nested": lambda user, n: b'{"event": %s}' % said(user, n),
    "other name": lambda user, n: said(user, n).replace(b"user_id", b"customer"),
    "not_an_object": lambda user, n: b"[%s]" % said(user, n),
    "trailing_data": lambda user, n: b"{} %s" % said(user, n),
    "not_json": lambda user, n: said(user, n)[:-2] + b",",
    "byte_order_mark": lambda user, n: b"\xef\xbb\xbf" + said(user, n),
    "invalid_utf8": lambda user, n: said(user, n, brand="BRAND").replace(b"BRAND", b"\xff"),
    "utf-16": lambda user, n: said(user, n).decode().encode("utf-16"),
    "utf-16 without a mark": lambda user, n: said(user, n).decode().encode("utf-16-le"),
    "json in a string": lambda user, n: json.dumps(said(user, n).decode()).encode(),
}

KEYS: dict[str, Callable[[int], bytes]] = {
    "digits": lambda user: str(user).encode(),
    "quoted": lambda user: f'"{user}"'.encode(),
    "prefixed": lambda user: f"user-{user}".encode(),
    "json": lambda user: json.dumps({"user_id": user}).encode(),
    "escaped json": lambda user: f'{{"user_id": {SPELLINGS["one digit escaped"](user)}}}'.encode(),
    "long": lambda user: user.to_bytes(8),
    "int": lambda user: user.to_bytes(4),
}

LINES: dict[str, Callable[[int], str]] = {
    "plain": lambda user: f"{user}",
    "quoted": lambda user: f'"{user}"',
    "leading zero": lambda user: f"0{user}",
    "padded": lambda user: f" {user} ",
    "fraction": lambda user: f"{user}.0",
    "wide digits": lambda user: "".join(chr(0xFF10 + int(digit)) for digit in str(user)),
}

LINE_FAULTS: dict[str, Callable[[str], str]] = {
    "accepted": lambda line: line,
    "bad_price": lambda line: line.replace("2.62", "x"),
    "bad_line": lambda line: f"{line},more",
    "open quote": lambda line: f'{line},"',
}
