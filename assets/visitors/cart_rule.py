"""When a cart counts as abandoned. It comes from the settings.

Add here: a choice about carts. Not here: what it does (`abandoned_carts`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class CartRule:
    """An item is abandoned after `minutes` in a cart, and given up after `days` times 24 hours, to the second."""

    minutes: int = 60
    days: int = 30
