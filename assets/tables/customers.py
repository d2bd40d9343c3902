"""The tables of lifetime value: the models, each buyer, and the days behind.

Add here: a table about buyers. Not here: what they bought on a day (`sales`), or what visitors do (`visitors`).
"""

import polars as pl

from assets.events.contract import UTC_MICROSECONDS
from assets.tables.sales import AMOUNT
from assets.tables.table import Cadence, Table

INTERVALS = {
    f"{near}predicted_{what}_{end}": kind
    for near in ("", "near_")
    for what, kind in (("purchases", pl.Float64()), ("value", AMOUNT))
    for end in ("low", "high")
}
"""The ends of the intervals of what comes."""

_INTERVAL_ENDS = {
    f"{near}predicted_{what}_{end}": f"{edge} end of the 90 % interval of the {thing} within the {horizon} horizon"
    for near, horizon in (("", "longer"), ("near_", "shorter"))
    for what, thing in (("purchases", "days with a purchase"), ("value", "value"))
    for end, edge in (("low", "lower"), ("high", "upper"))
}

PREDICTED = {
    "predicted_purchases": pl.Float64(),
    "probability_alive": pl.Float64(),
    "expected_order_value": AMOUNT,
    "predicted_value": AMOUNT,
    "near_predicted_purchases": pl.Float64(),
    "near_predicted_value": AMOUNT,
    "prediction": pl.String(),
    **INTERVALS,
}
"""What the models of lifetime value say of a customer."""

SEGMENTED = {
    "recency_score": pl.Int64(),
    "frequency_score": pl.Int64(),
    "monetary_score": pl.Int64(),
    "segment": pl.String(),
    "is_active": pl.Boolean(),
}
"""What the shop's rules make of a customer."""

_PURCHASES, _VALUE = ("r", "alpha", "a", "b"), ("p", "q", "gamma")
"""The parameters of both models."""

_SCORED = {
    **{name: kind for name, kind in PREDICTED.items() if name not in INTERVALS},
    "model_version": pl.Int64(),
}

_FROM_DAYS = {
    **dict.fromkeys(
        ("tenure_days", "recency", "frequency", "cohort", "recency_score", "frequency_score", "is_active", "as_of"),
        ("event_date",),
    ),
    "segment": ("event_date", "revenue"),
    "average_order_value": ("revenue", "orders"),
    "monetary_value": ("revenue", "event_date"),
    "monetary_score": ("revenue",),
    **dict.fromkeys(PREDICTED, ("event_date", "revenue")),
}

CUSTOMER_VALUE = Table(
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
            **{name: kind for name, kind in SEGMENTED.items() if name != "is_active"},
            **_SCORED,
            "is_active": SEGMENTED["is_active"],
            **INTERVALS,
        }
    ),
    (),
    "What each buyer was worth by the newest day with a purchase, and what the models expect them to be worth.",
    key=("user_id",),
    made_from=("gold/customer_days", "gold/clv_model"),
    lineage=_FROM_DAYS,
    cadence=Cadence.MINUTES,
    engine="duckdb",
    is_served=True,
    columns={
        "average_order_value": "revenue per order",
        "monetary_value": "revenue per repeat day (a day with a purchase after the first); null without one",
        "cohort": "the month of the first purchase, as its first day",
        "recency_score": "1 to 5, by the days since the last purchase and the cut points of the file of segments",
        "frequency_score": "1 to 5, by the days with a purchase and the cut points of the file of segments",
        "monetary_score": "1 to 5, by revenue and the cut points of the file of segments",
        **_INTERVAL_ENDS,
    },
)

CUSTOMER_VALUE_DAYS = Table(
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
            "is_active": SEGMENTED["is_active"],
        }
    ),
    ("as_of",),
    "customer_value at the end of a day, for each of the last 92 days and the last day of each month before.",
    key=("as_of", "user_id"),
    made_from=("gold/customer_value",),
    cadence=Cadence.DAILY,
    engine="duckdb",
    keeps_users=True,
)

CLV_MODEL = Table(
    "gold/clv_model",
    pl.Schema(
        {
            "model_version": pl.Int64(),
            "model": pl.String(),
            "chosen_by": pl.String(),
            "fitted_at": UTC_MICROSECONDS,
            "reason": pl.String(),
            "as_of": pl.Date(),
            "customers": pl.Int64(),
            "repeat_customers": pl.Int64(),
            "unit_days": pl.Int64(),
            "near_days": pl.Int64(),
            "far_days": pl.Int64(),
            "discount_rate": pl.Float64(),
            **{name: pl.Float64() for name in _PURCHASES},
            **{f"{name}_error": pl.Float64() for name in _PURCHASES},
            "purchases_log_likelihood": pl.Float64(),
            "purchases_doubt": pl.String(),
            **{name: pl.Float64() for name in _VALUE},
            **{f"{name}_error": pl.Float64() for name in _VALUE},
            "value_log_likelihood": pl.Float64(),
            "value_doubt": pl.String(),
            "holdout_start": pl.Date(),
            "holdout_days": pl.Int64(),
            "holdout_customers": pl.Int64(),
            "holdout_purchases": pl.Float64(),
            "holdout_predicted": pl.Float64(),
            "holdout_error_bg_nbd": pl.Float64(),
            "holdout_error_mbg_nbd": pl.Float64(),
        }
    ),
    (),
    "The models of lifetime value, one row per fit: parameters with standard errors, warnings, and a holdout: how well "
    "a fit to the first part of the history predicts the rest.",
    key=("model_version",),
    made_from=("gold/customer_days",),
    lineage={
        "customers": ("user_id",),
        "as_of": ("event_date",),
        **dict.fromkeys((*_PURCHASES, "holdout_purchases", "holdout_predicted"), ("event_date",)),
        **dict.fromkeys(_VALUE, ("event_date", "revenue")),
    },
    cadence=Cadence.DAILY,
    engine="duckdb",
    is_served=True,
    columns={
        "model": "bg_nbd or mbg_nbd for purchases; gamma_gamma for their value in both cases",
        "chosen_by": "how the model of purchases was chosen: by `holdout`, by `likelihood` where that is too short, or "
        "by `setting`; null for a fit of an older release",
        "fitted_at": "when the models were fitted (UTC)",
        "reason": "why the models were fitted: first, settings, new day, drift or asked",
        "customers": "customers that the fit is from",
        "repeat_customers": "customers of the fit who bought on a second day",
        "unit_days": "days in the model's unit of time: 7 or 1",
        "near_days": "the shorter horizon in days",
        "far_days": "the longer horizon in days",
        "discount_rate": "what a year takes off the value, such as 0.1",
        "r": "BG/NBD: shape of the distribution of purchase rates",
        "alpha": "BG/NBD: scale of the distribution of purchase rates, in the unit of time",
        "a": "BG/NBD: first parameter of the distribution of dropout chances",
        "b": "BG/NBD: second parameter of the distribution of dropout chances",
        "p": "Gamma-Gamma: shape of one customer's values",
        "q": "Gamma-Gamma: shape of the distribution of the customers' scales",
        "gamma": "Gamma-Gamma: scale of the distribution of the customers' scales, in the currency",
        **{f"{name}_error": f"standard error of {name}" for name in (*_PURCHASES, *_VALUE)},
        "purchases_log_likelihood": "log-likelihood of the purchases",
        "purchases_doubt": "why nothing is predicted from the fit of the purchases; null where something is",
        "value_log_likelihood": "log-likelihood of the values",
        "value_doubt": "why nothing is predicted from the fit of the values; null where something is",
        "holdout_start": "the last day that the holdout's fit has seen",
        "holdout_days": "days after holdout_start that the fit is tested on",
        "holdout_customers": "customers that the holdout's fit has seen",
        "holdout_purchases": "days with a purchase of these customers in the holdout",
        "holdout_predicted": "the predicted number of holdout_purchases",
        "holdout_error_bg_nbd": "how far BG/NBD was off in the holdout: the differences by frequency, divided by "
        "holdout_purchases",
        "holdout_error_mbg_nbd": "how far MBG/NBD was off in the holdout: the differences by frequency, divided by "
        "holdout_purchases",
    },
)

CLV_HOLDOUT = Table(
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
    "Purchases in the holdout, the part of the history that a fit has not seen, beside the predicted ones: by "
    "frequency before it, and cumulated by week.",
    key=("model_version", "measure", "bucket"),
    made_from=("gold/customer_days",),
    lineage={"customers": ("user_id",), "actual": ("event_date",), "predicted": ("event_date",)},
    cadence=Cadence.DAILY,
    engine="duckdb",
    is_served=True,
    columns={
        "customers": "customers in the bucket",
        "measure": "frequency: by repeat purchases before the holdout; week: cumulated to the end of each week",
        "bucket": "the number of repeat purchases, 7 for 7 and more; or the number of the week",
        "actual": "days with a purchase in the holdout",
        "predicted": "the predicted number of days with a purchase",
    },
)

SEGMENTS = Table(
    "gold/segments",
    pl.Schema(
        {
            "month": pl.Date(),
            "as_of": pl.Date(),
            "position": pl.Int64(),
            "segment": pl.String(),
            "is_active": pl.Boolean(),
            "definition": pl.String(),
            "action": pl.String(),
            "customers": pl.Int64(),
            "share": pl.Float64(),
            "revenue": AMOUNT,
            "revenue_share": pl.Float64(),
            "expected_value": AMOUNT,
        }
    ),
    (),
    "The segments of customers at the end of each month, and now: what they mean, how many customers are in each, and "
    "what they are worth.",
    key=("month", "segment"),
    made_from=("gold/customer_value", "gold/customer_days"),
    lineage={
        "month": ("as_of",),
        "customers": ("user_id",),
        "share": ("user_id",),
        "revenue_share": ("revenue",),
        "expected_value": ("near_predicted_value",),
    },
    cadence=Cadence.HOURLY,
    columns={
        "month": "the month at whose end the row holds, as its first day; the running month's rows hold now",
        "position": "the segment's place in the file of segments: a customer is in the first one that fits",
        "segment": "the segment's name",
        "is_active": "whether the segment is of active customers",
        "definition": "who is in the segment, unless an earlier one fits too",
        "action": "what the shop means to do about these customers",
        "customers": "customers in the segment",
        "share": "their share of all customers, from 0 to 1",
        "revenue": "what they have bought so far, net of refunds",
        "revenue_share": "their share of all customers' revenue",
        "expected_value": "what the shorter horizon is expected to bring from them; null where nothing is predicted",
    },
)

SEGMENT_MOVES = Table(
    "gold/segment_moves",
    pl.Schema(
        {
            "month": pl.Date(),
            "from_segment": pl.String(),
            "to_segment": pl.String(),
            "customers": pl.Int64(),
            "revenue": AMOUNT,
        }
    ),
    (),
    "Who became what: customers by their segment at the end of the month before, and at the end of the month.",
    key=("month", "from_segment", "to_segment"),
    made_from=("gold/customer_value", "gold/customer_days"),
    lineage={"month": ("as_of",), "from_segment": ("segment",), "to_segment": ("segment",), "customers": ("user_id",)},
    cadence=Cadence.HOURLY,
    columns={
        "month": "the month, as its first day; of the running month the moves so far",
        "from_segment": "the segment at the end of the month before, or `no customer yet`",
        "to_segment": "the segment at the end of the month, or now",
        "customers": "how many customers moved so, or stayed",
        "revenue": "what they have bought so far, net of refunds",
    },
)

_ENDS = {"": "", "_low": ", lower end of the 90 % interval", "_high": ", upper end of the 90 % interval"}

EXPECTED_SALES = Table(
    "gold/expected_sales",
    pl.Schema(
        {
            "as_of": pl.Date(),
            "horizon_days": pl.Int64(),
            "part": pl.String(),
            "name": pl.String(),
            "customers": pl.Float64(),
            **{f"purchases{end}": pl.Float64() for end in _ENDS},
            **{f"revenue{end}": AMOUNT for end in _ENDS},
            "prediction": pl.String(),
            "model_version": pl.Int64(),
        }
    ),
    (),
    "What the shop is expected to sell within the shorter and the longer horizon, with intervals: to its customers, by "
    "segment and cohort, and to customers yet to come. Not discounted, so that it can be compared with what came.",
    key=("horizon_days", "part", "name"),
    made_from=("gold/customer_value",),
    lineage={
        "customers": ("user_id",),
        **{f"purchases{end}": ("predicted_purchases",) for end in _ENDS},
        **{f"revenue{end}": ("predicted_value",) for end in _ENDS},
    },
    cadence=Cadence.DAILY,
    columns={
        "horizon_days": "the days after as_of",
        "part": "shop, customers so far, customers to come, segment or cohort",
        "name": "the segment, the month of the first purchase, or the part again",
        "customers": "how many customers there are, or how many are expected to come",
        **{f"purchases{end}": f"days with a purchase that are expected{words}" for end, words in _ENDS.items()},
        **{f"revenue{end}": f"revenue that is expected, not discounted{words}" for end, words in _ENDS.items()},
    },
)

_OF_MONTH = {"expected": "of all", "expected_known": "of the customers so far", "expected_to_come": "of new customers"}

SALES_BACKTEST = Table(
    "gold/sales_backtest",
    pl.Schema(
        {
            "month": pl.Date(),
            "customers": pl.Int64(),
            **{f"{name}{end}": AMOUNT for name in _OF_MONTH for end in _ENDS},
            "actual": AMOUNT,
            "actual_known": AMOUNT,
            "actual_to_come": AMOUNT,
            "is_within": pl.Boolean(),
            "prediction": pl.String(),
        }
    ),
    (),
    "What would have been expected of each of the last 12 months when it began, with models fitted to what was known "
    "then, beside what came.",
    key=("month",),
    made_from=("gold/customer_days",),
    lineage={"month": ("event_date",), "customers": ("user_id",), "actual": ("revenue",)},
    cadence=Cadence.DAILY,
    columns={
        "month": "the month, as its first day",
        "customers": "customers when it began",
        **{
            f"{name}{end}": f"expected revenue {of} in the month{words}"
            for name, of in _OF_MONTH.items()
            for end, words in _ENDS.items()
        },
        "actual": "the month's revenue",
        "actual_known": "the month's revenue from customers who had bought before it",
        "actual_to_come": "the month's revenue from customers who first bought in it",
        "is_within": "whether `actual` is within the interval",
    },
)
