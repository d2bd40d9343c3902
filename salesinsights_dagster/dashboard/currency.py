"""The shop's currency beside money. Nothing is converted: amounts are what the events say.

Add here: how money is shown. Not here: which amounts there are.
"""

from collections.abc import Iterable, Mapping

MONEY = ("revenue", "refunds", "average_order_value", "other_revenue", "forecast", "usual")
"""Columns and totals that are money."""


def priced(title: str, currency: str | None) -> str:
    """A title of money with the currency's code, if the shop has set one."""
    return f"{title} ({currency})" if currency else title


def priced_columns(columns: Mapping[str, str], currency: str | None, money: Iterable[str] = MONEY) -> dict[str, str]:
    """Titles by column, those of money with the currency."""
    return {name: priced(title, currency) if name in money else title for name, title in columns.items()}
