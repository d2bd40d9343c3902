"""The tables of what visitors do, and the training data that is made from it.

Add here: a table that all events of users are read for. Not here: one of buyers alone (`customers`).
"""

import polars as pl

from assets.events.contract import UTC_MICROSECONDS
from assets.tables.sales import AMOUNT
from resources.lake_table import TableLayout
from resources.superseding import Superseding

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
    superseding=Superseding(("event_date", "user_id"), tuple(_DONE)),
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
    superseding=Superseding(("event_date", "user_id", "user_session"), tuple(_DONE), ("started_at", "ended_at")),
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
