"""Customers who behave as a model says, and what they buy, as rows of customer_days.

Add here: invented customers. Not here: a test.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import polars as pl

from assets.customers.bg_nbd import BgNbd
from assets.customers.gamma_gamma import GammaGamma
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


def modelled_shop(purchases: BgNbd, values: GammaGamma, customers: int, days: int, seed: int) -> pl.DataFrame:
    """Rows of customer_days of a shop that behaves exactly as the models say; times in days.

    Customers come evenly over all days, buy at gamma distributed rates, leave with beta distributed chances after a
    purchase, and spend gamma distributed amounts.
    """
    chance = np.random.default_rng(seed)
    first = chance.uniform(0, days, customers)
    rate = chance.gamma(purchases.r, 1 / purchases.alpha, customers)
    leaving = chance.beta(purchases.a, purchases.b, customers)
    scale = chance.gamma(values.q, 1 / values.gamma, customers)
    found = []
    users, at = np.arange(customers), first
    is_first = True
    while len(users):
        spent = chance.gamma(values.p, 1 / scale[users]).clip(0.01, 1e9)
        found.append(pl.DataFrame({"user_id": users, "day": at.astype(int), "revenue": spent}))
        may_leave = purchases.modified or not is_first
        stays = chance.random(len(users)) >= leaving[users] * may_leave
        later = at + chance.exponential(1 / np.maximum(rate[users], 1e-12))
        going_on = stays & (later < days)
        users, at, is_first = users[going_on], later[going_on], False
    bought = pl.concat(found).group_by("user_id", "day").agg(pl.col("revenue").sum().round(2)).sort("user_id", "day")
    day = pl.lit(FIRST) + pl.duration(days=pl.col("day"))
    moment = day.cast(pl.Datetime("us", "UTC"))
    return bought.select(
        "user_id",
        pl.lit(1).alias("orders"),
        pl.lit(1).alias("units"),
        "revenue",
        pl.lit(0).alias("refunds"),
        moment.alias("first_order_at"),
        moment.alias("last_order_at"),
        moment.alias("updated_at"),
        day.alias("event_date"),
    ).cast(CUSTOMER_DAYS.schema)
