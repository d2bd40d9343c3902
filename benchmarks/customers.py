"""What lifetime value costs: fitting the models and scoring every buyer, in seconds and memory.

Each figure comes from its own process, so that memory is measured alone. Add here: what else customers cost.
Not here: whether a model is right (`tests/assets/customers`), or how well it predicts a shop (`fits`).
"""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np
import polars as pl

from assets.customers.clv_model import newest_model, refit
from assets.customers.customer_value import refresh_customer_value
from assets.customers.options import ClvOptions
from assets.tables import CLV_MODEL, CUSTOMER_DAYS
from benchmarks import fits
from benchmarks.alone import alone, peak_mb
from resources.lake import Lake

DAYS = 151
FIRST = date(2019, 10, 1)
BUYERS = (110_518, 1_000_000)
"""The published data set, and a shop about ten times as large."""


def run() -> list[list[dict[str, object]]]:
    """A table with a line per number of buyers, and one of fits."""
    return [[_measure(buyers) for buyers in BUYERS], fits.run(bought_days)]


def _measure(buyers: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-") as folder:
        alone(_sell, folder, buyers)
        return {"buyers": buyers, **alone(_fit, folder), **alone(_score, folder)}


def _sell(folder: str, buyers: int) -> dict[str, object]:
    Lake(folder).table(CUSTOMER_DAYS).append(bought_days(buyers), {})
    return {}


def bought_days(buyers: int) -> pl.DataFrame:
    """Rows of customer_days of buyers who behave as BG/NBD says and spend as Gamma-Gamma says."""
    chance = np.random.default_rng(1)
    rates, leaving = chance.gamma(0.25, 1 / 30, buyers), chance.beta(0.8, 2.4, buyers)
    first, clock, alive = chance.integers(0, DAYS, buyers), np.zeros(buyers), np.ones(buyers, bool)
    users, days = [np.arange(buyers)], [first]
    while alive.any():
        clock = clock + chance.exponential(1 / np.maximum(rates, 1e-12))
        alive &= np.ceil(clock) < DAYS - first
        users.append(np.flatnonzero(alive))
        days.append((first + np.ceil(np.minimum(clock, DAYS)).astype(int))[alive])
        alive &= chance.random(buyers) >= leaving
    bought = pl.DataFrame({"user_id": np.concatenate(users), "day": np.concatenate(days)}).unique()
    scale = chance.gamma(3.7, 1 / 15, buyers)
    spent = chance.gamma(6, 1 / scale[bought["user_id"].to_numpy()]).round(2)
    moment = pl.col("event_date").cast(pl.Datetime("us", "UTC"))
    rows = bought.with_columns(
        event_date=pl.lit(FIRST) + pl.duration(days="day"), revenue=pl.Series(spent), orders=1, units=2, refunds=0
    ).with_columns(first_order_at=moment, last_order_at=moment, updated_at=moment)
    return rows.select(CUSTOMER_DAYS.schema.names()).cast(CUSTOMER_DAYS.schema)


def _fit(folder: str) -> dict[str, object]:
    lake = Lake(folder)
    seconds = _seconds(lambda: refit(lake, ClvOptions(), datetime.now(UTC)))
    row = newest_model(lake.table(CLV_MODEL)).row
    return {
        "purchase days": lake.table(CUSTOMER_DAYS).rows,
        "s to fit, with the holdout": seconds,
        "MB": peak_mb(),
        "model": f"{row['model']}, by {row['chosen_by']}",
        "doubts": row["purchases_doubt"] or row["value_doubt"] or "none",
        "holdout predicted / actual": round(row["holdout_predicted"] / row["holdout_purchases"], 3),
    }


def _score(folder: str) -> dict[str, object]:
    lake = Lake(folder)
    first, second = (_seconds(lambda: refresh_customer_value(lake)) for _ in range(2))
    return {"s to score all": first, "s where nobody bought": second, "MB to score": peak_mb()}


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return round(time.perf_counter() - begun, 2)
