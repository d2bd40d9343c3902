"""What is computed once for all viewers, of as many views as were asked for lately.

Add here: how long it is kept. Not here: what is computed (`figures`, `movers`).
"""

from typing import TypeVar

MOST_VIEWS = 64

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def remember(kept: dict[_Key, _Value], key: _Key, value: _Value, most: int = MOST_VIEWS) -> None:
    """Keep a value; what was not kept again for the longest time is dropped."""
    kept.pop(key, None)
    kept[key] = value
    while len(kept) > most:
        del kept[next(iter(kept))]
