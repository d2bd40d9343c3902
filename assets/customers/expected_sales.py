"""What the shop is expected to sell, with intervals: to its customers, by segment and cohort, and to those yet to come.

The interval of a sum has two parts: how far customers may be from what is expected of them (`intervals`), which fades
in a large sum, and what the fit leaves open, which does not: the parameters' covariance, carried to the sum by its
derivatives (Laplace's approximation and the delta method). The sum is nothing with the chance that nobody buys, else
taken as gamma distributed: never below zero, and with the right mean and variance. Revenue is not discounted, so that
it can be compared with what came.

Add here: a sum over customers. Not here: how its parts are found, or tables (`sales_outlook`).
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from assets.customers.acquisition import newcomers
from assets.customers.bg_nbd import BgNbd, purchases_covariance
from assets.customers.gamma_gamma import GammaGamma, values_covariance
from assets.customers.intervals import BELOW, LEVEL, spreads
from assets.customers.lifetime_model import HISTORY, LifetimeModel, histories
from assets.customers.likelihood import Floats
from assets.customers.priors import of_purchases, of_values

WHOLE, KNOWN, SEGMENT, COHORT, TO_COME = "shop", "customers so far", "segment", "cohort", "customers to come"
"""What a row is about."""

RECENT_DAYS = 91
"""What new customers spend first is the mean of those who came within so many days."""

_STEP = 0.05
_LEAST_SHAPE = 0.25
"""Gamma-Gamma's variance is not finite if its shape is 2 or less; it is taken as that of a shape so far above 2."""


def expected_of(buyers: pl.DataFrame, model: LifetimeModel, days: int) -> pl.DataFrame:
    """What is expected within `days` days after the day `as_of` of the buyers: a row per part (`WHOLE`, ...) and name.

    Reads HISTORY, monetary_value, revenue, segment, cohort and as_of of all buyers. Returns part, name, customers,
    purchases and revenue with `_low` and `_high`. No rows if the model can't tell.
    """
    if model.purchases is None or model.value is None or buyers.is_empty():
        return pl.DataFrame()
    each, names = _of_each(buyers, model, model.purchases, model.value, days)
    uncertain = _covariances(buyers, model, model.purchases, model.value)
    groups = [
        _summed(each, names, uncertain, KNOWN, pl.lit(KNOWN)),
        _summed(each, names, uncertain, SEGMENT, pl.col("segment")),
        _summed(each, names, uncertain, COHORT, pl.col("cohort").dt.strftime("%Y-%m")),
    ]
    known = groups[0]
    coming = _to_come(buyers, model, model.purchases, model.value, days)
    if coming is not None:
        whole = pl.concat([known, coming]).select(pl.exclude("part", "name").sum())
        parts = whole.select(pl.lit(WHOLE).alias("part"), pl.lit(WHOLE).alias("name"), pl.all())
        groups = [parts, *groups, coming]
    return _with_ends(pl.concat(groups))


def _of_each(
    buyers: pl.DataFrame, model: LifetimeModel, purchases: BgNbd, value: GammaGamma, days: int
) -> tuple[pl.DataFrame, list[str]]:
    """Per customer: the mean and own variance of both sums, and their derivatives by each parameter's logarithm.

    `nothing` is the logarithm of the chance that they do not buy.
    """
    unit = model.options.unit_days
    counted = buyers.select(HISTORY).unique()
    x, recency, age = (counted[name].cast(pl.Float64).to_numpy() for name in HISTORY)
    history = (x, recency / unit, age / unit)
    means = [one.expected_purchases(*history, [days / unit])[:, 0] for one in (purchases, *_moved(purchases))]
    slopes = {f"_n{place}": (moved - means[0]) / _STEP for place, moved in enumerate(means[1:])}
    spread = spreads(purchases, None, *history, days / unit)
    found = counted.with_columns(
        _n=pl.Series(means[0]),
        _nn=pl.Series(spread.squares),
        nothing=pl.Series(np.log(np.maximum(spread.nothing, 1e-300))),
        **{name: pl.Series(slope) for name, slope in slopes.items()},
    )
    joined = buyers.join(found, on=HISTORY, how="left", maintain_order="left")
    frequency = joined["frequency"].cast(pl.Float64).to_numpy()
    seen = np.maximum(joined["monetary_value"].cast(pl.Float64).fill_null(0.0).to_numpy(), 0.0)
    each = [one.expected_value(frequency, seen) for one in (value, *_moved_values(value))]
    number, square = joined["_n"].to_numpy(), joined["_nn"].to_numpy()
    own = _own_variance(value, frequency, seen, number, square, each[0])
    columns = {
        "purchases": number,
        "purchases_own": np.maximum(square - number**2, 0.0),
        "revenue": number * each[0],
        "revenue_own": own,
        **{f"purchases_by{place}": joined[f"_n{place}"].to_numpy() for place in range(4)},
        **{f"revenue_by{place}": joined[f"_n{place}"].to_numpy() * each[0] for place in range(4)},
        **{f"revenue_by{4 + place}": number * (moved - each[0]) / _STEP for place, moved in enumerate(each[1:])},
    }
    return joined.with_columns(**{name: pl.Series(each) for name, each in columns.items()}), ["nothing", *columns]


def _moved(model: BgNbd) -> list[BgNbd]:
    """The model with each parameter's logarithm a step further."""
    factors = np.exp(_STEP * np.eye(4))
    at = np.array([model.r, model.alpha, model.a, model.b])
    return [BgNbd(r, alpha, a, b, model.modified) for r, alpha, a, b in (at * factors).tolist()]


def _moved_values(model: GammaGamma) -> list[GammaGamma]:
    factors = np.exp(_STEP * np.eye(3))
    at = np.array([model.p, model.q - 1, model.gamma])
    return [GammaGamma(p, above + 1, scale) for p, above, scale in (at * factors).tolist()]


def _own_variance(
    value: GammaGamma, frequency: Floats, seen: Floats, number: Floats, square: Floats, each: Floats
) -> Floats:
    """The variance of a customer's sum: of the number of purchases, their values, and the customer's mean value."""
    shape = np.maximum(value.q + value.p * frequency - 2, _LEAST_SHAPE)
    scale = (value.gamma + frequency * seen) ** 2 / (shape * (shape + 1))
    second = scale * (number * value.p + square * value.p**2)
    return np.maximum(second - (number * each) ** 2, 0.0)


def _covariances(buyers: pl.DataFrame, model: LifetimeModel, purchases: BgNbd, value: GammaGamma) -> Floats:
    """The covariance of the logarithms of all seven parameters: both models are fitted apart."""
    frequency, seen = (
        buyers[name].cast(pl.Float64).fill_null(0.0).to_numpy() for name in ("frequency", "monetary_value")
    )
    found = np.zeros((7, 7))
    found[:4, :4] = purchases_covariance(purchases, histories(buyers, model.options), of_purchases)
    found[4:, 4:] = values_covariance(value, frequency, seen, of_values)
    return found


def _summed(each: pl.DataFrame, names: Sequence[str], uncertain: Floats, part: str, name: pl.Expr) -> pl.DataFrame:
    """The mean and variance of both sums, by name."""
    sums = each.group_by(name.alias("name")).agg(pl.len().cast(pl.Float64).alias("customers"), pl.col(names).sum())
    by_purchases, by_revenue = (
        sums.select(f"{what}_by{place}" for place in range(count)).to_numpy()
        for what, count in (("purchases", 4), ("revenue", 7))
    )
    open_purchases = np.einsum("ij,jk,ik->i", by_purchases, uncertain[:4, :4], by_purchases)
    open_revenue = np.einsum("ij,jk,ik->i", by_revenue, uncertain, by_revenue)
    return sums.select(
        pl.lit(part).alias("part"),
        "name",
        "customers",
        "purchases",
        pl.col("purchases_own") + pl.Series(open_purchases),
        "revenue",
        pl.col("revenue_own") + pl.Series(open_revenue),
        "nothing",
    ).sort("name")


def _to_come(
    buyers: pl.DataFrame, model: LifetimeModel, purchases: BgNbd, value: GammaGamma, days: int
) -> pl.DataFrame | None:
    """Customers whose first purchase is still to come; None if there are too few weeks to see a trend."""
    first_days = buyers.select((pl.col("as_of") - pl.duration(days="tenure_days")).cast(pl.Date)).to_series()
    coming = newcomers(first_days, buyers.item(0, "as_of"), days)
    if coming is None:
        return None
    unit, weekly = model.options.unit_days, coming.weekly
    left = [max(days - 7 * week - 3.5, 0.0) / unit for week in range(len(weekly))]
    nothing = np.zeros(1)
    again = purchases.expected_purchases(nothing, nothing, nothing, left)[0]
    later = float(value.expected_value(nothing, nothing)[0])
    repeated = pl.col("frequency") * pl.col("monetary_value").cast(pl.Float64).fill_null(0)
    spent = pl.col("revenue").cast(pl.Float64) - repeated
    recent = buyers.filter(pl.col("tenure_days") < RECENT_DAYS)
    first = (recent if recent.height else buyers).select(spent)[:, 0]
    mean, spread = float(first.mean() or 0.0), float(first.var() or 0.0)  # type: ignore[arg-type]
    count, bought = float(weekly.sum()), float(weekly @ (1 + again))
    revenue = float(weekly @ (mean + later * again))
    squares = float(spreads(purchases, None, nothing, nothing, nothing, days / 2 / unit).squares[0])
    twice = _own_variance(value, nothing, nothing, np.array([again.mean()]), np.array([squares]), np.array([later]))[0]
    per_head = (bought / max(count, 1e-9), revenue / max(count, 1e-9))
    row = {
        "part": TO_COME,
        "name": TO_COME,
        "customers": count,
        "purchases": bought,
        "purchases_own": per_head[0] ** 2 * coming.variance + count * squares,
        "revenue": revenue,
        "revenue_own": per_head[1] ** 2 * coming.variance + count * (spread + float(twice)),
        "nothing": -count,
    }
    return pl.DataFrame([row])


def _with_ends(rows: pl.DataFrame) -> pl.DataFrame:
    """Intervals of the sums instead of their variances; the interval begins with nothing where that is likely."""
    found, nothing = rows, np.exp(rows["nothing"].to_numpy())
    is_open = nothing >= BELOW
    for what in ("purchases", "revenue"):
        mean, variance = rows[what].to_numpy(), rows[f"{what}_own"].to_numpy()
        low = np.where(is_open, 0.0, _quantile(mean, variance, nothing, BELOW))
        high = _quantile(mean, variance, nothing, np.where(is_open, LEVEL, 1 - BELOW))
        found = found.with_columns(pl.Series(f"{what}_low", low), pl.Series(f"{what}_high", high))
    return found.drop("purchases_own", "revenue_own", "nothing")


def _quantile(mean: Floats, variance: Floats, nothing: Floats, level: Floats | float) -> Floats:
    """Of what is zero with the chance `nothing`, and else gamma distributed, with this mean and variance in all."""
    from scipy.stats import gamma

    some = np.maximum(1 - nothing, 1e-12)
    centre = np.maximum(mean, 1e-9) / some
    spread = np.maximum((variance + mean**2) / some - centre**2, 1e-9 * centre**2)
    left = np.clip((level - nothing) / some, 0, 1)
    return np.asarray(np.where(left > 0, gamma.ppf(left, centre**2 / spread, scale=spread / centre), 0.0))
