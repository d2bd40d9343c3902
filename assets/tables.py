"""Which tables there are: names, columns, partitions, and what one row stands for.

Add here: a table or a column. Not here: how its rows come about (the module named like the table).
"""

import polars as pl

from assets.event_contract import EVENT, EXTRA, UTC_MICROSECONDS
from resources.lake import TableLayout

AMOUNT = pl.Decimal(18, 2)

ARCHIVE = "archive"
"""The source of what came from a month's file; its partition is the month as a number, such as 201910."""

_PLACE = {"source": pl.String(), "partition": pl.Int32(), "offset": pl.Int64()}
"""Where an event came from: the topic, its partition, and the message's offset; or the archive, the month, the line."""

BRONZE_EVENTS = TableLayout(
    "bronze/events",
    pl.Schema(
        {
            **_PLACE,
            "kafka_timestamp": UTC_MICROSECONDS,
            "key": pl.Binary(),
            "value": pl.Binary(),
            "ingested_at": UTC_MICROSECONDS,
            "batch": pl.Int64(),
            "event_date": pl.Date(),
        }
    ),
    ("event_date",),
    "Every message and every line of the archive as it came, byte for byte, under the day of its event (an unreadable "
    "one under its arrival day).",
    varied=("offset", "key", "value"),
)

BRONZE_ARCHIVE_MONTHS = TableLayout(
    "bronze/archive_months",
    pl.Schema(
        {
            "month": pl.Date(),
            "file": pl.String(),
            "sha256": pl.String(),
            "lines": pl.Int64(),
            "accepted": pl.Int64(),
            "quarantined": pl.Int64(),
            "duplicates": pl.Int64(),
            "days": pl.List(pl.Date()),
            "ingested_at": UTC_MICROSECONDS,
        }
    ),
    ("month",),
    "The ledger of the archive: one row per month that was loaded from a file, and what became of each of its lines.",
)

SILVER_EVENTS = TableLayout(
    "silver/events",
    pl.Schema(
        {
            **EVENT,
            **EXTRA,
            **_PLACE,
            "kafka_timestamp": UTC_MICROSECONDS,
            "ingested_at": UTC_MICROSECONDS,
            "batch": pl.Int64(),
            "event_date": pl.Date(),
        }
    ),
    ("event_date",),
    "One row per distinct event that meets the contract, typed, under the UTC day of its event_time.",
    varied=("event_time", "user_session", "event_id", "offset"),
)

SILVER_QUARANTINE = TableLayout(
    "silver/quarantine",
    pl.Schema(
        {
            **_PLACE,
            "kafka_timestamp": UTC_MICROSECONDS,
            "value": pl.Binary(),
            "reason": pl.String(),
            "detail": pl.String(),
            "ingested_at": UTC_MICROSECONDS,
            "batch": pl.Int64(),
            "arrival_date": pl.Date(),
        }
    ),
    ("arrival_date",),
    "One row per refused message or line, byte for byte, with the reason, under the day of its arrival.",
)

SILVER_BATCHES = TableLayout(
    "silver/batches",
    pl.Schema(
        {
            "batch": pl.Int64(),
            **{name: kind for name, kind in _PLACE.items() if name != "offset"},
            "start_offset": pl.Int64(),
            "end_offset": pl.Int64(),
            "messages": pl.Int64(),
            "markers": pl.Int64(),
            "accepted": pl.Int64(),
            "quarantined": pl.Int64(),
            "duplicates": pl.Int64(),
            "days": pl.List(pl.Date()),
            "ingested_at": UTC_MICROSECONDS,
        }
    ),
    (),
    "The ledger: one row per batch and Kafka partition, with the offsets [start, end) and what became of each message.",
)

FORGOTTEN_USERS = TableLayout(
    "silver/forgotten_users",
    pl.Schema(
        {
            "user_hash": pl.String(),
            "forgotten_at": UTC_MICROSECONDS,
            "days": pl.List(pl.Date()),
            "batches": pl.List(pl.Int64()),
            "months": pl.List(pl.Int64()),
        }
    ),
    (),
    "Who was forgotten, as a hash, and what was rewritten for it: an older event of theirs is dropped when it comes.",
)

_MEASURES = {
    "units": pl.Int64(),
    "orders": pl.Int64(),
    "buyers": pl.Int64(),
    "revenue": AMOUNT,
    "refunds": AMOUNT,
    "updated_at": UTC_MICROSECONDS,
}

PRODUCT_SALES = TableLayout(
    "gold/product_sales",
    pl.Schema(
        {
            "window_start": UTC_MICROSECONDS,
            "window_end": UTC_MICROSECONDS,
            "product_id": pl.Int64(),
            "brand": pl.String(),
            **_MEASURES,
            "event_date": pl.Date(),
        }
    ),
    ("event_date",),
    "Sales per product and window of event time.",
)

PRODUCT_SALES_DAILY = TableLayout(
    "gold/product_sales_daily",
    pl.Schema({"product_id": pl.Int64(), "brand": pl.String(), **_MEASURES, "event_date": pl.Date()}),
    ("event_date",),
    "Sales per product and UTC day.",
)

CUSTOMER_DAYS = TableLayout(
    "gold/customer_days",
    pl.Schema(
        {
            "user_id": pl.Int64(),
            "orders": pl.Int64(),
            "units": pl.Int64(),
            "revenue": AMOUNT,
            "refunds": AMOUNT,
            "first_order_at": UTC_MICROSECONDS,
            "last_order_at": UTC_MICROSECONDS,
            "updated_at": UTC_MICROSECONDS,
            "event_date": pl.Date(),
        }
    ),
    ("event_date",),
    "What a user bought on a UTC day: the sufficient statistics of lifetime value.",
)

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
    "customer_value as it stood at the end of each day: what each customer was thought to be worth then.",
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

_RESTATED = {"units": pl.Int64(), "revenue": AMOUNT, "refunds": AMOUNT}

RESTATEMENTS = TableLayout(
    "gold/restatements",
    pl.Schema(
        {
            "event_date": pl.Date(),
            "window_start": UTC_MICROSECONDS,
            "window_end": UTC_MICROSECONDS,
            "product_id": pl.Int64(),
            **{f"old_{name}": kind for name, kind in _RESTATED.items()},
            **{f"new_{name}": kind for name, kind in _RESTATED.items()},
            "reason": pl.String(),
            "restated_at": UTC_MICROSECONDS,
        }
    ),
    (),
    "Published windows of product_sales that changed after they had closed: what they said, what they say, and why.",
)

_DONE = {"views": pl.Int64(), "carts": pl.Int64(), "removals": pl.Int64(), "purchases": pl.Int64()}

_REACHED = {f"{who}_{what}": pl.Int64() for who in ("users", "sessions") for what in ("viewing", "carting", "buying")}

FUNNEL_DAILY = TableLayout(
    "gold/funnel_daily",
    pl.Schema(
        {
            "level": pl.String(),
            "product_id": pl.Int64(),
            "category_id": pl.Int64(),
            "category_code": pl.String(),
            "brand": pl.String(),
            **_DONE,
            **_REACHED,
            "updated_at": UTC_MICROSECONDS,
            "event_date": pl.Date(),
        }
    ),
    ("event_date",),
    "Views, carts, removals and purchases per UTC day, and how many users and sessions did each: of all events, and by "
    "category, brand and product.",
)

USER_DAYS = TableLayout(
    "gold/user_days",
    pl.Schema(
        {
            "user_id": pl.Int64(),
            **_DONE,
            "revenue": AMOUNT,
            "sessions": pl.Int64(),
            "products": pl.Int64(),
            "first_event_at": UTC_MICROSECONDS,
            "last_event_at": UTC_MICROSECONDS,
            "updated_at": UTC_MICROSECONDS,
            "event_date": pl.Date(),
        }
    ),
    ("event_date",),
    "What a user did on a UTC day: the counts from which active users, cohorts and features are computed.",
)

SESSIONS = TableLayout(
    "silver/sessions",
    pl.Schema(
        {
            "user_id": pl.Int64(),
            "user_session": pl.String(),
            "started_at": UTC_MICROSECONDS,
            "ended_at": UTC_MICROSECONDS,
            **_DONE,
            "products": pl.Int64(),
            "revenue": AMOUNT,
            "outcome": pl.String(),
            "updated_at": UTC_MICROSECONDS,
            "event_date": pl.Date(),
        }
    ),
    ("event_date",),
    "What a user did without 30 minutes of silence, under the day on which it began, and how it ended.",
)

ABANDONED_CARTS = TableLayout(
    "gold/abandoned_carts",
    pl.Schema(
        {
            "user_id": pl.Int64(),
            "product_id": pl.Int64(),
            "brand": pl.String(),
            "user_session": pl.String(),
            "quantity": pl.Int64(),
            "price": AMOUNT,
            "cart_value": AMOUNT,
            "carted_at": UTC_MICROSECONDS,
            "abandoned_at": UTC_MICROSECONDS,
        }
    ),
    (),
    "Items that users put in their carts, and neither took out nor bought since; one that is bought later leaves.",
)

COHORT_RETENTION = TableLayout(
    "gold/cohort_retention",
    pl.Schema(
        {
            "activity": pl.String(),
            "cohort": pl.Date(),
            "month": pl.Date(),
            "months_since": pl.Int64(),
            "cohort_users": pl.Int64(),
            "users": pl.Int64(),
            "retention": pl.Float64(),
            "revenue": AMOUNT,
        }
    ),
    (),
    "Of the users who first were active in a month, how many were in each month since, and what they brought in: by "
    "any event, and by views, carts and purchases alone.",
)

FEATURE_DAYS = (7, 30, 90)
"""The spans of the features, in days that end with the day of the features."""

_FEATURE_KINDS = {**_DONE, "sessions": pl.Int64(), "revenue": AMOUNT}
FEATURE_SUMS = tuple(_FEATURE_KINDS)
"""What is summed up over each span, and over all days."""

USER_FEATURES = TableLayout(
    "gold/user_features",
    pl.Schema(
        {
            "user_id": pl.Int64(),
            **{f"days_since_{what}": pl.Int64() for what in ("first_event", "last_event", "purchase")},
            "recency": pl.Int64(),
            "frequency": pl.Int64(),
            "active_days": pl.Int64(),
            **_FEATURE_KINDS,
            **{f"{name}_{days}d": kind for days in FEATURE_DAYS for name, kind in _FEATURE_KINDS.items()},
            **{f"active_days_{days}d": pl.Int64() for days in FEATURE_DAYS},
            "as_of": pl.Date(),
        }
    ),
    ("as_of",),
    "What each user had done until the end of a day, and nothing from after it: training data.",
)

SALES_TOPIC = TableLayout(
    "serving/sales_topic",
    pl.Schema(
        {
            "topic": pl.String(),
            "topic_id": pl.String(),
            "version": pl.Int64(),
            "fingerprint": pl.String(),
            "rows": pl.Int64(),
            "tombstones": pl.Int64(),
            "published_at": UTC_MICROSECONDS,
        }
    ),
    (),
    "One row: the version of product_sales that the topic of product sales has, and what was sent to bring it there.",
)

DAILY = (PRODUCT_SALES, PRODUCT_SALES_DAILY, CUSTOMER_DAYS)
"""The gold tables that are computed from the purchases of a day."""

BEHAVIOUR = (FUNNEL_DAILY, USER_DAYS, SESSIONS)
"""The tables that are computed from all events of a day, on a cadence of their own."""

REFINED = (*DAILY, SILVER_BATCHES, SILVER_QUARANTINE, SILVER_EVENTS)
"""What a micro-batch makes from bronze, in the order in which to load it: what a table is made from comes after it."""

TABLES = {
    "bronze_archive_months": BRONZE_ARCHIVE_MONTHS,
    "bronze_events": BRONZE_EVENTS,
    "silver_batches": SILVER_BATCHES,
    "silver_quarantine": SILVER_QUARANTINE,
    "silver_events": SILVER_EVENTS,
    "forgotten_users": FORGOTTEN_USERS,
    "product_sales": PRODUCT_SALES,
    "product_sales_daily": PRODUCT_SALES_DAILY,
    "customer_days": CUSTOMER_DAYS,
    "clv_model": CLV_MODEL,
    "clv_holdout": CLV_HOLDOUT,
    "customer_value_days": CUSTOMER_VALUE_DAYS,
    "customer_value": CUSTOMER_VALUE,
    "restatements": RESTATEMENTS,
    "funnel_daily": FUNNEL_DAILY,
    "user_days": USER_DAYS,
    "silver_sessions": SESSIONS,
    "abandoned_carts": ABANDONED_CARTS,
    "cohort_retention": COHORT_RETENTION,
    "user_features": USER_FEATURES,
    "sales_topic": SALES_TOPIC,
}
"""Each table under its name in SQL, in the order in which a micro-batch commits to them."""
