"""What must hold of the customer assets: money conserved, predictions possible, a model that the data bears out.

Add here: a check of theirs. Not here: how a model is judged while it is fitted (`likelihood`).
"""

from decimal import Decimal

import polars as pl

from assets.customers.clv_model import newest_model
from assets.customers.lifetime_model import BY_PAST
from assets.runs.verdict import Verdict
from assets.tables import CLV_MODEL, CUSTOMER_DAYS, CUSTOMER_VALUE
from resources.lake import Lake
from resources.lake_table import VersionGoneError

LARGEST = 1e12
"""No number of purchases and no value is larger."""

TELLING_CUSTOMERS = 1_000
"""Of fewer customers who came back a fit need not be trusted: there is too little to go by."""

FACTOR = 2.0
"""A model that foretells more than so many times what came, or less than one such part, is not calibrated."""

TELLING_PURCHASES = 100
"""Of fewer purchases in the holdout nothing can be said."""


def revenue_conserved(lake: Lake) -> Verdict:
    """The revenue, refunds, units and orders of all customers are those of customer_days, to the cent."""
    table = lake.table(CUSTOMER_VALUE)
    names = ["orders", "units", "revenue", "refunds"]
    try:
        days = lake.table(CUSTOMER_DAYS, table.progress(CUSTOMER_DAYS.name) or 0)
    except VersionGoneError:
        days = lake.table(CUSTOMER_DAYS)
    sums = [
        {name: frame[name].sum() or Decimal(0) for name in names}
        for frame in (table.read(columns=names), days.read(columns=names))
    ]
    differing = {name: f"{sums[0][name]} of {sums[1][name]}" for name in names if sums[0][name] != sums[1][name]}
    return Verdict(not differing, {"revenue": float(sums[0]["revenue"]), **differing})


def predictions_possible(lake: Lake) -> Verdict:
    """Chances lie between 0 and 1, numbers and values are finite and not negative, and every customer has a value."""
    rows = lake.table(CUSTOMER_VALUE).read()
    numbers = pl.col("predicted_purchases", "near_predicted_purchases", "expected_order_value", "predicted_value")
    foretold = pl.col("prediction") != BY_PAST
    wrong = rows.filter(
        pl.col("predicted_value").is_null()
        | foretold & ~pl.col("probability_alive").is_between(0, 1).fill_null(value=False)
        | foretold & pl.any_horizontal(~numbers.cast(pl.Float64).is_between(0, LARGEST).fill_null(value=False))
    )
    return Verdict(wrong.is_empty(), {"customers": rows.height, "impossible": wrong.height})


def model_trusted(lake: Lake) -> Verdict:
    """The newest fit can be trusted, if a thousand customers have come back; else what was so far stands in."""
    row = newest_model(lake.table(CLV_MODEL)).row
    doubts = {name: row[name] for name in ("purchases_doubt", "value_doubt") if row.get(name)}
    repeat = row.get("repeat_customers", 0)
    return Verdict(not doubts or repeat < TELLING_CUSTOMERS, {"repeat_customers": repeat, **doubts}, is_warning=True)


def holdout_calibrated(lake: Lake) -> Verdict:
    """Fitted to the first two thirds of the history, the model foretells the purchases of the last to a factor of 2."""
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
"""Each check, the table that it is shown at, and the function whose docstring explains it."""
