"""The checks of the customer assets: money is conserved, predictions are possible, the data supports the model.

Add here: a check of a customer asset. Not here: how a model is judged while it is fitted (`likelihood`).
"""

from decimal import Decimal

import polars as pl

from assets.customers.clv_model import newest_model
from assets.customers.lifetime_model import BY_MODEL
from assets.runs.verdict import Verdict
from assets.tables import CLV_MODEL, CUSTOMER_DAYS, CUSTOMER_VALUE
from resources.lake import Lake
from resources.lake_errors import VersionGoneError

LARGEST = 1e12
"""The upper limit for any number of purchases and any value."""

TELLING_CUSTOMERS = 1_000
"""With fewer repeat customers a fit need not be trusted: there is too little data."""

FACTOR = 2.0
"""A calibrated model predicts at most this many times the actual purchases, and at least 1 / FACTOR of them."""

TELLING_PURCHASES = 100
"""If both actual and predicted purchases in the holdout are fewer, the check can't tell."""


def revenue_conserved(lake: Lake) -> Verdict:
    """The sums of revenue, refunds, units and orders in customer_value equal those in customer_days, to the cent.

    Users who have only returned, and never bought, are in neither sum.
    """
    table = lake.table(CUSTOMER_VALUE)
    names = ["orders", "units", "revenue", "refunds"]
    try:
        days = lake.table(CUSTOMER_DAYS, table.progress(CUSTOMER_DAYS.name) or 0)
    except VersionGoneError:
        days = lake.table(CUSTOMER_DAYS)
    of_buyers = days.read(columns=["user_id", *names]).filter((pl.col("orders") > 0).any().over("user_id"))
    sums = [
        {name: frame[name].sum() or Decimal(0) for name in names} for frame in (table.read(columns=names), of_buyers)
    ]
    differing = {name: f"{sums[0][name]}, not {sums[1][name]}" for name in names if sums[0][name] != sums[1][name]}
    return Verdict(not differing, {"revenue": float(sums[0]["revenue"]), **differing})


def predictions_possible(lake: Lake) -> Verdict:
    """Each customer has a prediction, possible in every figure, or a reason for none and no figure.

    Probabilities are from 0 to 1; predictions are finite, none is negative.
    """
    rows = lake.table(CUSTOMER_VALUE).read()
    numbers = pl.col("predicted_purchases", "near_predicted_purchases", "expected_order_value", "predicted_value")
    foretold = pl.col("prediction") == BY_MODEL
    possible = numbers.cast(pl.Float64).is_between(0, LARGEST)
    wrong = rows.filter(
        pl.col("prediction").is_null()
        | ~pl.col("probability_alive").is_between(0, 1)
        | ~pl.all_horizontal(possible.fill_null(value=False) | ~foretold)
        | ~foretold & pl.col("predicted_value").is_not_null()
    )
    return Verdict(wrong.is_empty(), {"customers": rows.height, "impossible": wrong.height})


def model_trusted(lake: Lake) -> Verdict:
    """The newest fit can be trusted (checked from 1,000 repeat customers on); if not, nothing is predicted."""
    row = newest_model(lake.table(CLV_MODEL)).row
    doubts = {name: row[name] for name in ("purchases_doubt", "value_doubt") if row.get(name)}
    repeat = row.get("repeat_customers", 0)
    return Verdict(not doubts or repeat < TELLING_CUSTOMERS, {"repeat_customers": repeat, **doubts}, is_warning=True)


def holdout_calibrated(lake: Lake) -> Verdict:
    """A fit without the last third of the history (at most 90 days) predicts its purchases to a factor of 2."""
    row = newest_model(lake.table(CLV_MODEL)).row
    actual, predicted = row.get("holdout_purchases"), row.get("holdout_predicted")
    if actual is None or predicted is None or max(actual, predicted) < TELLING_PURCHASES:
        return Verdict(passed=True, figures={"holdout": "too few purchases to tell"})
    ratio = predicted / actual if actual else float("inf")
    figures = {"predicted / actual": round(ratio, 3), "purchases": int(actual)}
    return Verdict(1 / FACTOR <= ratio <= FACTOR, figures, is_warning=True)


CHECKS = {
    "revenue_conserved": (CUSTOMER_VALUE, revenue_conserved),
    "predictions_possible": (CUSTOMER_VALUE, predictions_possible),
    "model_trusted": (CLV_MODEL, model_trusted),
    "holdout_calibrated": (CLV_MODEL, holdout_calibrated),
}
"""Each check: the table whose page shows it, and the function whose docstring is its description."""
