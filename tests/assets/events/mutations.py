"""Text of a shop, spoiled on its way: bytes flipped, added, cut, doubled, re-encoded. The same seed spoils alike.

Add here: a way in which text is spoiled. Not here: what becomes of it.
"""

from collections.abc import Callable
from random import Random

_ENCODINGS = ("utf-16", "utf-16-be", "utf-32", "utf-8-sig", "cp1251", "utf-7")
_TELLING = b'"\\,{}[]:\n\r\x00\x1a -+.eE0\xef\xbb\xbf\xff\xc3'
"""Bytes that mean something in JSON, in CSV, or in an encoding."""


def mutated(text: bytes, chance: Random) -> bytes:
    """The text after one to three mutations."""
    for _ in range(chance.choice((1, 1, 1, 1, 1, 2, 3))):
        text = chance.choice(_MUTATIONS)(text, chance)
    return text


def _span(text: bytes, chance: Random) -> tuple[int, int]:
    first, second = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
    return (first, second) if chance.random() < 0.2 else (first, min(second, first + chance.randint(1, 9)))


def flipped(text: bytes, chance: Random) -> bytes:
    if not text:
        return text
    at = chance.randrange(len(text))
    return text[:at] + bytes([text[at] ^ 1 << chance.randrange(8)]) + text[at + 1 :]


def added(text: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(text) + 1)
    return text[:at] + bytes(chance.choices(_TELLING, k=chance.randint(1, 3))) + text[at:]


def cut_off(text: bytes, chance: Random) -> bytes:
    return text[: chance.randrange(len(text) + 1)]


def cut_out(text: bytes, chance: Random) -> bytes:
    start, end = _span(text, chance)
    return text[:start] + text[end:]


def doubled(text: bytes, chance: Random) -> bytes:
    start, end = _span(text, chance) if chance.random() < 0.8 else (0, len(text))
    return text[:end] + text[start:]


def re_encoded(text: bytes, chance: Random) -> bytes:
    return text.decode("utf-8", "replace").encode(chance.choice(_ENCODINGS), "replace")


def taken_for_another_encoding(text: bytes, chance: Random) -> bytes:
    """As by a program that reads UTF-8 as Latin-1 and writes it as UTF-8 again."""
    return text.decode("latin-1").encode()


_MUTATIONS: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(flipped, flipped, added, added, cut_off, cut_out, cut_out, doubled, doubled),
    *(re_encoded, taken_for_another_encoding),
)
