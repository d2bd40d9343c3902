"""What customers will be worth: how often they will buy, times the value of a purchase, discounted.

A purchase is a day with a purchase, as in the literature: several orders on one day count once. Histories use the
columns of `customer_value.sql`, in days.
Add here: what follows from both models together. Not here: a model's formulas (`bg_nbd`, `gamma_gamma`), or where fits
are kept (`clv_model`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.customers.bg_nbd import BgNbd, Histories, fit_bg_nbd
from assets.customers.gamma_gamma import GammaGamma, fit_gamma_gamma
from assets.customers.likelihood import Fit, Floats
from assets.customers.options import ClvOptions
from assets.tables import AMOUNT, PREDICTED

STEP_DAYS = 30
"""Purchases are discounted in steps of this length, each as of its middle."""

DAYS_A_YEAR = 365

BY_MODEL, BY_MODEL_AND_PAST, BY_PAST = "model", "model, past order value", "past"
"""What a prediction is based on: both models; the purchase model and the past order value; or the past alone."""

HISTORY = ("frequency", "recency", "tenure_days")


@dataclass(frozen=True)
class LifetimeModel:
    """Two fitted models; each is None if its fit can't be trusted."""

    purchases: BgNbd | None
    value: GammaGamma | None
    options: ClvOptions


@dataclass(frozen=True)
class LifetimeFit:
    """A model and how it was found: both fits with their warnings, and how many customers they used."""

    model: LifetimeModel
    purchases: Fit
    value: Fit
    customers: int
    repeat_customers: int


def fit_lifetime(buyers: pl.DataFrame, options: ClvOptions) -> LifetimeFit:
    """Fit both models to these buyers by maximum likelihood. Reads HISTORY, in days, and monetary_value."""
    bg_nbd, purchases = fit_bg_nbd(histories(buyers, options), modified=options.modified)
    gamma_gamma, value = fit_gamma_gamma(_floats(buyers, "frequency"), _floats(buyers, "monetary_value"))
    model = LifetimeModel(
        None if purchases.fit_warning else bg_nbd, None if value.fit_warning else gamma_gamma, options
    )
    return LifetimeFit(model, purchases, value, buyers.height, buyers.filter(pl.col("frequency") > 0).height)


def histories(buyers: pl.DataFrame, options: ClvOptions) -> Histories:
    """The distinct histories of buyers with their counts, in the unit of the options."""
    counted = buyers.group_by(HISTORY).len().sort(HISTORY)
    frequency, recency, age = (_floats(counted, name) for name in HISTORY)
    return Histories(frequency, recency / options.unit_days, age / options.unit_days, _floats(counted, "len"))


def predict(buyers: pl.DataFrame, model: LifetimeModel) -> pl.DataFrame:
    """Add the columns PREDICTED to `buyers`. Reads HISTORY, monetary_value, revenue and average_order_value.

    predicted_* covers far_days, near_predicted_* near_days; expected_order_value is per purchase day. Without a
    trusted purchase model the values are past ones, and `prediction` says so. Money is rounded to cents, the other
    figures to six places, so that they do not depend on how many customers are scored at once.
    """
    if model.purchases is None:
        past = {"expected_order_value": "average_order_value", "predicted_value": "revenue"}
        copied = {name: pl.col(source) for name, source in {**past, "near_predicted_value": "revenue"}.items()}
        return _shaped(buyers.with_columns(prediction=pl.lit(BY_PAST), **copied))
    counted = buyers.select(HISTORY).unique()
    scored = pl.concat([counted, _purchases(counted, model.purchases, model.options)], how="horizontal")
    joined = buyers.join(scored, on=HISTORY, how="left", maintain_order="left")
    each = _order_value(joined, model.value)
    return _shaped(
        joined.with_columns(
            expected_order_value=each,
            predicted_value=each * pl.col("far_discounted"),
            near_predicted_value=each * pl.col("near_discounted"),
            prediction=pl.lit(BY_MODEL if model.value else BY_MODEL_AND_PAST),
        )
    )


def _purchases(counted: pl.DataFrame, model: BgNbd, options: ClvOptions) -> pl.DataFrame:
    frequency, recency, age = (_floats(counted, name) for name in HISTORY)
    unit = options.unit_days
    near, far = _steps(options.near_days), _steps(options.far_days)
    ahead = [day / unit for day in (*near, *far)]
    expected = model.expected_purchases(frequency, recency / unit, age / unit, ahead)
    first, second = expected[:, : len(near)], expected[:, len(near) :]
    return pl.DataFrame(
        {
            "probability_alive": model.probability_alive(frequency, recency / unit, age / unit),
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


def _order_value(joined: pl.DataFrame, model: GammaGamma | None) -> pl.Series:
    if model is None:
        days = (pl.col("frequency") + 1).cast(pl.Float64)
        return joined.select((pl.col("revenue").cast(pl.Float64) / days).clip(lower_bound=0)).to_series()
    seen = np.maximum(_floats(joined, "monetary_value"), 0.0)
    return pl.Series(model.expected_value(_floats(joined, "frequency"), seen))


def _floats(frame: pl.DataFrame, name: str) -> Floats:
    return frame[name].cast(pl.Float64).fill_null(0.0).to_numpy()


def _shaped(scored: pl.DataFrame) -> pl.DataFrame:
    kinds = PREDICTED.items()
    rounded = {name: _rounded(name, kind) if name in scored.columns else pl.lit(None, kind) for name, kind in kinds}
    return scored.with_columns(**rounded).drop("near_discounted", "far_discounted", strict=False)


def _rounded(name: str, kind: pl.DataType) -> pl.Expr:
    if kind == pl.Float64():
        return pl.col(name).round(6)
    return pl.col(name).round(2).cast(kind) if kind == AMOUNT else pl.col(name)
