"""What customers will be worth: how often they will buy, times the value of a purchase, discounted.

A purchase is a day with a purchase, as in the literature: several orders on one day count once. Histories use the
columns of `customer_value.sql`, in days.
Add here: what follows from both models together. Not here: a model's formulas (`bg_nbd`, `gamma_gamma`), or where fits
are kept (`clv_model`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from assets.customers.bg_nbd import BgNbd, Histories, fit_bg_nbd
from assets.customers.gamma_gamma import GammaGamma, fit_gamma_gamma
from assets.customers.intervals import spreads
from assets.customers.likelihood import Fit, Floats
from assets.customers.options import ClvOptions
from assets.customers.priors import of_purchases, of_values
from assets.tables import AMOUNT, INTERVALS, PREDICTED

STEP_DAYS = 30
"""Purchases are discounted in steps of this length, each as of its middle."""

DAYS_A_YEAR = 365

BY_MODEL = "model"
"""What the column `prediction` says where there is one; otherwise it says why there is none."""

LEAST_REPEAT = 30
"""With fewer customers who came back, a prediction would say little more than the prior."""

HISTORY = ("frequency", "recency", "tenure_days")


@dataclass(frozen=True)
class LifetimeModel:
    """Two fitted models; each is None where there is none, and `doubt` then says why in words."""

    purchases: BgNbd | None
    value: GammaGamma | None
    options: ClvOptions
    doubt: str | None = None


@dataclass(frozen=True)
class LifetimeFit:
    """A model and how it was found: both fits with their warnings, and how many customers they used."""

    model: LifetimeModel
    modified: bool
    purchases: Fit
    value: Fit
    customers: int
    repeat_customers: int


def fit_lifetime(buyers: pl.DataFrame, options: ClvOptions, modified: bool | None = None) -> LifetimeFit:
    """Fit both models to these buyers, a posteriori. Reads HISTORY, in days, and monetary_value.

    `modified` says which model of purchases; None for the one of the options, or else the one with the larger
    likelihood: both have four parameters.
    """
    wanted = [kind for kind in (modified, options.modified) if kind is not None]
    distinct = histories(buyers, options)
    fits = [fit_purchases(distinct, kind) for kind in wanted[:1] or (False, True)]
    bg_nbd, purchases = max(fits, key=lambda found: found[1].log_likelihood)
    gamma_gamma, value = fit_gamma_gamma(_floats(buyers, "frequency"), _floats(buyers, "monetary_value"), of_values)
    telling = buyers.filter((pl.col("frequency") > 0) & (pl.col("monetary_value") > 0)).height
    value = _doubted(value, telling, buyers.height, "bought again at a price above zero")
    doubt = purchases.fit_warning or value.fit_warning
    model = LifetimeModel(
        None if purchases.fit_warning else bg_nbd, None if value.fit_warning else gamma_gamma, options, doubt
    )
    repeat = buyers.filter(pl.col("frequency") > 0).height
    return LifetimeFit(model, bg_nbd.modified, purchases, value, buyers.height, repeat)


def fit_purchases(distinct: Histories, modified: bool) -> tuple[BgNbd, Fit]:
    """The model of purchases, a posteriori; in doubt if fewer than LEAST_REPEAT customers came back."""
    model, fit = fit_bg_nbd(distinct, modified=modified, prior=of_purchases)
    repeat = int(distinct.customers[distinct.frequency > 0].sum())
    return model, _doubted(fit, repeat, int(distinct.customers.sum()), "bought on a second day")


def _doubted(fit: Fit, count: int, customers: int, did: str) -> Fit:
    if count >= LEAST_REPEAT:
        return fit
    return replace(
        fit, fit_warning=f"{count:,} of {customers:,} customers {did}, and a prediction takes {LEAST_REPEAT}"
    )


def histories(buyers: pl.DataFrame, options: ClvOptions) -> Histories:
    """The distinct histories of buyers with their counts, in the unit of the options."""
    counted = buyers.group_by(HISTORY).len().sort(HISTORY)
    frequency, recency, age = (_floats(counted, name) for name in HISTORY)
    return Histories(frequency, recency / options.unit_days, age / options.unit_days, _floats(counted, "len"))


def predict(buyers: pl.DataFrame, model: LifetimeModel) -> pl.DataFrame:
    """Add the columns PREDICTED to `buyers`. Reads HISTORY and monetary_value.

    predicted_* covers far_days, near_predicted_* near_days; expected_order_value is per purchase day. What no model
    tells is null, and `prediction` says why. Money is rounded to cents, the other figures to six places, so that they
    do not depend on how many customers are scored at once.
    """
    if model.purchases is None:
        return _shaped(buyers.with_columns(prediction=pl.lit(f"none: {model.doubt}")))
    counted = buyers.select(HISTORY).unique()
    alive = _alive(counted, model, "tenure_days").alias("probability_alive")
    expected, ends = (found(counted, model.purchases, model) for found in (_purchases, _intervals))
    scored = pl.concat([counted, expected, ends], how="horizontal").with_columns(alive)
    joined = buyers.join(scored, on=HISTORY, how="left", maintain_order="left")
    if model.value is None:
        return _shaped(joined.with_columns(prediction=pl.lit(f"purchases alone: {model.doubt}")))
    frequency, seen = _floats(joined, "frequency"), np.maximum(_floats(joined, "monetary_value"), 0.0)
    each = pl.Series(model.value.expected_value(frequency, seen))
    scale = pl.Series(model.value.gamma + frequency * seen)
    return _shaped(
        joined.with_columns(
            expected_order_value=each,
            predicted_value=each * pl.col("far_discounted"),
            near_predicted_value=each * pl.col("near_discounted"),
            prediction=pl.lit(BY_MODEL),
            **{name: scale * pl.col(f"_{name}") for name in INTERVALS if "value" in name},
        )
    )


def remaining_chance(buyers: pl.DataFrame, model: LifetimeModel) -> pl.Series:
    """How much of the chance that they still buy is left since their last purchase, from 0 to 1. Reads HISTORY.

    Null where the model can't tell: without one, and in BG/NBD for somebody who bought once, whose chance is always 1.
    """
    if model.purchases is None:
        return pl.Series([None] * buyers.height, dtype=pl.Float64)
    counted = buyers.select(HISTORY).unique()
    now, then = (_alive(counted, model, last) for last in ("tenure_days", "recency"))
    return buyers.join(counted.with_columns(_left=now / then), on=HISTORY, how="left", maintain_order="left")["_left"]


def _alive(counted: pl.DataFrame, model: LifetimeModel, until: str) -> pl.Series:
    """The chance that these customers still buy at the age in column `until`; null where the model can't tell."""
    if model.purchases is None:
        return pl.Series([None] * counted.height, dtype=pl.Float64)
    frequency, recency, age = (_floats(counted, name) for name in ("frequency", "recency", until))
    unit = model.options.unit_days
    chance = pl.Series(model.purchases.probability_alive(frequency, recency / unit, age / unit))
    knows = pl.Series(frequency + model.purchases.modified >= 1)
    return pl.select(pl.when(knows).then(chance)).to_series()


def _intervals(counted: pl.DataFrame, purchases: BgNbd, model: LifetimeModel) -> pl.DataFrame:
    """The ends of the intervals: of purchases, and of values (named with a `_`), discounted, per unit of the scale."""
    frequency, recency, age = (_floats(counted, name) for name in HISTORY)
    unit, found = model.options.unit_days, dict[str, Floats]()
    expected = _purchases(counted, purchases, model)
    for near, days in (("", model.options.far_days), ("near_", model.options.near_days)):
        spread = spreads(purchases, model.value, frequency, recency / unit, age / unit, days / unit)
        discounted = expected[f"{near or 'far_'}discounted"].to_numpy()
        shares = discounted / np.maximum(expected[f"{near}predicted_purchases"].to_numpy(), 1e-300)
        for end, name in enumerate(("low", "high")):
            found[f"{near}predicted_purchases_{name}"] = spread.purchases[:, end]
            found[f"_{near}predicted_value_{name}"] = spread.value[:, end] * np.minimum(shares, 1.0)
    return pl.DataFrame(found)


def _purchases(counted: pl.DataFrame, model: BgNbd, of: LifetimeModel) -> pl.DataFrame:
    frequency, recency, age = (_floats(counted, name) for name in HISTORY)
    options, unit = of.options, of.options.unit_days
    near, far = _steps(options.near_days), _steps(options.far_days)
    ahead = [day / unit for day in (*near, *far)]
    expected = model.expected_purchases(frequency, recency / unit, age / unit, ahead)
    first, second = expected[:, : len(near)], expected[:, len(near) :]
    return pl.DataFrame(
        {
            "near_predicted_purchases": first[:, -1],
            "predicted_purchases": second[:, -1],
            "near_discounted": _discounted(first, near, options.discount_rate),
            "far_discounted": _discounted(second, far, options.discount_rate),
        }
    )


def _steps(days: int) -> list[int]:
    return [*range(STEP_DAYS, days, STEP_DAYS), days]


def _discounted(expected: Floats, days: Sequence[int], rate: float) -> Floats:
    """The discounted number of purchases per customer, from the expected ones until each of `days` (a column each)."""
    ends = np.array(days, float)
    middles = (ends + np.concatenate([[0.0], ends[:-1]])) / 2
    return np.asarray(np.diff(expected, axis=1, prepend=0.0) @ (1 + rate) ** (-middles / DAYS_A_YEAR))


def _floats(frame: pl.DataFrame, name: str) -> Floats:
    return frame[name].cast(pl.Float64).fill_null(0.0).to_numpy()


def _shaped(scored: pl.DataFrame) -> pl.DataFrame:
    kinds = PREDICTED.items()
    rounded = {name: _rounded(name, kind) if name in scored.columns else pl.lit(None, kind) for name, kind in kinds}
    of_scale = [f"_{name}" for name in INTERVALS if "value" in name]
    return scored.with_columns(**rounded).drop("near_discounted", "far_discounted", *of_scale, strict=False)


def _rounded(name: str, kind: pl.DataType) -> pl.Expr:
    if kind == pl.Float64():
        return pl.col(name).round(6)
    return pl.col(name).round(2).cast(kind) if kind == AMOUNT else pl.col(name)
