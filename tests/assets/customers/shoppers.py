"""Customers who behave as a model says, and what they buy, as rows of customer_days.

Add here: invented customers. Not here: a test.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import polars as pl

from assets.tables import CUSTOMER_DAYS

FIRST = date(2019, 10, 1)

Bought = Mapping[int, Sequence[tuple[int, str]]]
"""Per user: how many days after FIRST they bought, and for how much."""


def customer_days(bought: Bought) -> pl.DataFrame:
    """One order of one unit on each day; with a negative price, a return."""
    rows = [_row(user, FIRST + timedelta(days=day), Decimal(price)) for user in bought for day, price in bought[user]]
    return pl.DataFrame(rows, schema=CUSTOMER_DAYS.schema, orient="row")


def _row(user: int, day: date, revenue: Decimal) -> tuple[object, ...]:
    moment = datetime.combine(day, time(12), UTC)
    sold = int(revenue >= 0)
    ordered_at = moment if sold else None
    return (user, sold, sold, revenue, max(-revenue, Decimal()), ordered_at, ordered_at, moment, day)


def regular_shop(customers: int, days: int, seed: int = 1) -> Bought:
    """Customers who start on any day, buy at rates of their own, and leave for good at some time."""
    chance = np.random.default_rng(seed)
    found: dict[int, list[tuple[int, str]]] = {}
    for user in range(1, customers + 1):
        at, rate, leaving = chance.integers(0, days), chance.gamma(1.2, 1 / 12), chance.beta(1.2, 4)
        value = 60 / chance.gamma(4)
        bought: dict[int, str] = {}
        while at < days:
            bought[int(at)] = f"{chance.gamma(6, value / 6):.2f}"
            if chance.random() < leaving:
                break
            at += max(1, round(chance.exponential(1 / rate)))
        found[user] = list(bought.items())
    return found
