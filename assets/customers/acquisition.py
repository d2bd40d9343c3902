"""How many customers are yet to come: the trend of first purchases, carried on and fading.

The weekly number of new customers is Poisson with more spread than that (quasi-Poisson): log mean = level + slope * t,
over the last WEEKS whole weeks. A prior holds the slope near zero, so that few weeks make no trend (as with the models,
`priors`). After today the slope fades by FADES a week: E. Gardner, E. McKenzie, "Forecasting trends in time series",
Management Science 31, 1985. The errors follow from the observed information (Laplace's approximation).

Add here: what is expected of who has not bought yet. Not here: what they will bring (`expected_sales`).
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from assets.customers.likelihood import Floats

WEEKS, LEAST_WEEKS = 26, 6
"""How many weeks are looked at, at most and at least."""

FADES = 0.9
"""What is left of the slope from one week to the next."""

_SLOPE = 0.03
"""The standard deviation of the prior of the slope: 3 % a week."""

_WIDE = 10.0


@dataclass(frozen=True)
class Newcomers:
    """New customers expected in each week from now on (the last one may be shorter), and the variance of their sum."""

    weekly: Floats
    variance: float


def newcomers(first_days: pl.Series, as_of: date, days: int) -> Newcomers | None:
    """Those of the `days` after `as_of`, from the days of all customers' first purchases; None with too few weeks."""
    ages = (as_of - first_days).dt.total_days().to_numpy()
    weeks = min(WEEKS, (int(ages.max()) + 1) // 7) if len(ages) else 0
    if weeks < LEAST_WEEKS:
        return None
    counts = np.bincount(ages[ages < 7 * weeks] // 7, minlength=weeks).astype(float)
    times = -np.arange(weeks, dtype=float) - 0.5
    (level, slope), covariance, spread = _fit(times, counts)
    ahead = np.arange(-(-days // 7))
    faded = np.cumsum(FADES ** (ahead + 1)) - FADES ** (ahead + 1) / 2
    lengths = np.minimum(7, days - 7 * ahead) / 7
    weekly = lengths * np.exp(level + slope * faded)
    gradient = np.array([weekly.sum(), (weekly * faded).sum()])
    return Newcomers(weekly, float(spread * weekly.sum() + gradient @ covariance @ gradient))


def _fit(times: Floats, counts: Floats) -> tuple[Floats, Floats, float]:
    """Level and slope, their covariance, and how much wider than Poisson the counts are spread."""
    spread = 1.0
    for _ in range(3):
        found, covariance = _maximum(times, counts, spread)
        mean = np.exp(found[0] + found[1] * times)
        spread = max(1.0, float(((counts - mean) ** 2 / mean).sum()) / (len(counts) - 2))
    return found, covariance, spread


def _maximum(times: Floats, counts: Floats, spread: float) -> tuple[Floats, Floats]:
    """Newton's method; the objective is concave."""
    columns = np.column_stack([np.ones_like(times), times])
    precision = np.diag([1 / _WIDE**2, 1 / _SLOPE**2])
    centre = np.array([np.log(max(counts.mean(), 0.1)), 0.0])
    at = centre
    for _ in range(50):
        mean = np.exp(columns @ at)
        information = (columns * (mean / spread)[:, None]).T @ columns + precision
        step = np.linalg.solve(information, columns.T @ (counts - mean) / spread - precision @ (at - centre))
        at = at + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-10:
            break
    return at, np.linalg.inv(information)
