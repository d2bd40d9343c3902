"""The tables of lifetime value: the models, each buyer, and the days behind.

Add here: a table about buyers. Not here: what they bought on a day (`sales`), or what visitors do (`visitors`).
"""

import polars as pl

from assets.events.contract import UTC_MICROSECONDS
from assets.tables.sales import AMOUNT
from resources.lake_table import TableLayout

PREDICTED = {
    "predicted_purchases": pl.Float64(),
    "probability_alive": pl.Float64(),
    "expected_order_value": AMOUNT,
    "predicted_value": AMOUNT,
    "near_predicted_purchases": pl.Float64(),
    "near_predicted_value": AMOUNT,
    "prediction": pl.String(),
}
"""What the models of lifetime value say of a customer."""

_SCORED = {**PREDICTED, "model_version": pl.Int64()}

CUSTOMER_VALUE = TableLayout(
    "gold/customer_value",
    pl.Schema(
        {
            "user_id": pl.Int64(),
            "orders": pl.Int64(),
            "units": pl.Int64(),
            "revenue": AMOUNT,
            "average_order_value": AMOUNT,
            "first_order_at": UTC_MICROSECONDS,
            "last_order_at": UTC_MICROSECONDS,
            "tenure_days": pl.Int64(),
            "recency": pl.Int64(),
            "frequency": pl.Int64(),
            "monetary_value": AMOUNT,
            "as_of": pl.Date(),
            "refunds": AMOUNT,
            "cohort": pl.Date(),
            "recency_score": pl.Int64(),
            "frequency_score": pl.Int64(),
            "monetary_score": pl.Int64(),
            "segment": pl.String(),
            **_SCORED,
        }
    ),
    (),
    "What each buyer was worth, to the last day on which anybody bought, and what the models say they will be worth.",
)

CUSTOMER_VALUE_DAYS = TableLayout(
    "gold/customer_value_days",
    pl.Schema(
        {
            "user_id": pl.Int64(),
            "orders": pl.Int64(),
            "revenue": AMOUNT,
            "recency": pl.Int64(),
            "frequency": pl.Int64(),
            "tenure_days": pl.Int64(),
            "segment": pl.String(),
            **_SCORED,
            "as_of": pl.Date(),
        }
    ),
    ("as_of",),
    "customer_value as it stood at the end of a day, for the last 92 days and each month's last: what each customer "
    "was thought to be worth.",
)

CLV_MODEL = TableLayout(
    "gold/clv_model",
    pl.Schema(
        {
            "model_version": pl.Int64(),
            "model": pl.String(),
            "fitted_at": UTC_MICROSECONDS,
            "reason": pl.String(),
            "as_of": pl.Date(),
            "customers": pl.Int64(),
            "repeat_customers": pl.Int64(),
            "unit_days": pl.Int64(),
            "near_days": pl.Int64(),
            "far_days": pl.Int64(),
            "discount_rate": pl.Float64(),
            **{name: pl.Float64() for name in ("r", "alpha", "a", "b")},
            **{f"{name}_error": pl.Float64() for name in ("r", "alpha", "a", "b")},
            "purchases_log_likelihood": pl.Float64(),
            "purchases_doubt": pl.String(),
            **{name: pl.Float64() for name in ("p", "q", "gamma")},
            **{f"{name}_error": pl.Float64() for name in ("p", "q", "gamma")},
            "value_log_likelihood": pl.Float64(),
            "value_doubt": pl.String(),
            "holdout_start": pl.Date(),
            "holdout_days": pl.Int64(),
            "holdout_customers": pl.Int64(),
            "holdout_purchases": pl.Float64(),
            "holdout_predicted": pl.Float64(),
        }
    ),
    (),
    "The models of lifetime value, one row a fit: parameters with standard errors, what speaks against them, and how a "
    "fit to the first part of the history foretold the rest.",
)

CLV_HOLDOUT = TableLayout(
    "gold/clv_holdout",
    pl.Schema(
        {
            "model_version": pl.Int64(),
            "measure": pl.String(),
            "bucket": pl.Int64(),
            "customers": pl.Int64(),
            "actual": pl.Float64(),
            "predicted": pl.Float64(),
        }
    ),
    (),
    "Purchases in the part of the history that the holdout's fit had not seen, beside the predicted ones: by the "
    "frequency before it, and summed up over its weeks.",
)
