"""A strict JSON reader (RFC 8259): character by character, numbers kept as written, every member kept.

It is a second opinion, written for clarity, and shares nothing with the reader under test.
"""

from dataclasses import dataclass, field

BLANKS = " \t\r\n"
DIGITS = "0123456789"
HEXADECIMAL = "0123456789abcdefABCDEF"
ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
LITERALS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


DEEPEST = 1_000


class TooDeepError(ValueError):
    """Reading has reached DEEPEST levels, and stops."""


class NotJsonError(Exception):
    """The text does not begin with a JSON value."""


@dataclass(frozen=True)
class Number:
    text: str


@dataclass
class Container:
    """An array or an object; the keys of an array's members are empty."""

    closer: str
    members: list[tuple[str, "Value"]] = field(default_factory=list)

    @property
    def is_object(self) -> bool:
        return self.closer == "}"


Value = None | bool | str | Number | Container


@dataclass(frozen=True)
class Document:
    value: Value
    rest: str


def read_json(text: str) -> Document:
    """The JSON value that `text` begins with, and what follows it; or NotJsonError, TooDeepError."""
    return _Reader(text).document()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def document(self) -> Document:
        root = self._begin()
        unfinished = [root] if isinstance(root, Container) else []
        while unfinished:
            if len(unfinished) > DEEPEST:
                raise TooDeepError
            self._proceed(unfinished)
        return Document(root, self.text[self.at :])

    def _proceed(self, unfinished: list[Container]) -> None:
        """Finish the innermost container, or begin its next member. A list, not recursion: any depth can be read."""
        container = unfinished[-1]
        self._skip_blanks()
        if self._take(container.closer):
            unfinished.pop()
            return
        if container.members:
            self._need(",")
        key = self._key() if container.is_object else ""
        value = self._begin()
        container.members.append((key, value))
        if isinstance(value, Container):
            unfinished.append(value)

    def _key(self) -> str:
        self._skip_blanks()
        self._need('"')
        key = self._string()
        self._skip_blanks()
        self._need(":")
        return key

    def _begin(self) -> Value:
        """A whole string, number or literal, or a container that opens here, still empty."""
        self._skip_blanks()
        if self._take("{"):
            return Container("}")
        if self._take("["):
            return Container("]")
        if self._take('"'):
            return self._string()
        for word, meaning in LITERALS.items():
            if self._take(word):
                return meaning
        return self._number()

    def _number(self) -> Number:
        start = self.at
        self._take("-")
        if not self._take("0") and not self._digits():
            raise NotJsonError(f"no value at character {start}")
        self._digits_after(".")
        self._digits_after("e+", "e-", "E+", "E-", "e", "E")
        return Number(self.text[start : self.at])

    def _digits_after(self, *openings: str) -> None:
        """Read one of the openings and the digits after it, or nothing."""
        start = self.at
        if any(self._take(opening) for opening in openings) and not self._digits():
            self.at = start

    def _digits(self) -> bool:
        start = self.at
        while self._peek() in DIGITS:
            self.at += 1
        return self.at > start

    def _string(self) -> str:
        """The text up to the closing quote; the opening quote is already read."""
        characters = []
        while (character := self._next()) != '"':
            if character < " ":
                raise NotJsonError(f"control character in a string, at {self.at}")
            characters.append(self._escape() if character == "\\" else character)
        return _pair_surrogates("".join(characters))

    def _escape(self) -> str:
        letter = self._next()
        if letter in ESCAPES:
            return ESCAPES[letter]
        code = self.text[self.at : self.at + 4]
        if letter != "u" or len(code) < 4 or any(digit not in HEXADECIMAL for digit in code):
            raise NotJsonError(f"no such escape, at {self.at}")
        self.at += 4
        return chr(int(code, 16))

    def _skip_blanks(self) -> None:
        while self._peek() in BLANKS:
            self.at += 1

    def _take(self, expected: str) -> bool:
        found = self.text.startswith(expected, self.at)
        self.at += len(expected) if found else 0
        return found

    def _need(self, expected: str) -> None:
        if not self._take(expected):
            raise NotJsonError(f"{expected} expected at character {self.at}")

    def _next(self) -> str:
        character = self._peek()
        if character == END:
            raise NotJsonError("the text ends inside a value")
        self.at += 1
        return character

    def _peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else END


END = "end of text"


def _pair_surrogates(text: str) -> str:
    """Join two escaped halves that follow each other into one character; a half without the other stays."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
