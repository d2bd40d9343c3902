"""The tables of what visitors do, and the training data that is made from it.

Add here: a table that all events of users are read for. Not here: one of buyers alone (`customers`).
"""

import polars as pl

from assets.events.contract import UTC_MICROSECONDS
from assets.tables.sales import AMOUNT
from assets.tables.table import Cadence, Table
from resources.superseding import Superseding

_DONE = dict.fromkeys(("views", "carts", "removals", "purchases", "returns"), pl.Int64())

_STEPS = {"viewing": "view", "carting": "cart", "buying": "purchase"}

_REACHED = {f"{who}_{what}": pl.Int64() for who in ("users", "sessions") for what in _STEPS}

_LINEAGE = {
    **dict.fromkeys(_DONE, ("event_type",)),
    **dict.fromkeys(("purchases", "returns"), ("event_type", "price")),
    **{f"users_{what}": ("user_id", "event_type") for what in _STEPS},
    **{f"sessions_{what}": ("user_session", "event_type") for what in _STEPS},
    "sessions": ("user_session",),
    "products": ("product_id",),
    **dict.fromkeys(("event_date", "first_event_at", "last_event_at", "started_at", "ended_at"), ("event_time",)),
    **dict.fromkeys(("carted_at", "abandoned_at", "recovered_at"), ("event_time",)),
    **dict.fromkeys(("outcome", "quantity"), ("event_type",)),
    "units": ("price",),
    "revenue": ("price",),
    "cart_value": ("price", "event_type"),
    "updated_at": ("ingested_at",),
}

FUNNEL_DAILY = Table(
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
    "Views, carts, removals, purchases and returns per UTC day, and how many users and sessions reached each step: for "
    "all events, and by category, brand and product.",
    key=("event_date", "level", "product_id", "category_id", "category_code", "brand"),
    made_from=("silver/events",),
    lineage=_LINEAGE,
    cadence=Cadence.MINUTES,
    engine="duckdb",
    columns={
        "level": "what the row counts: all, category, brand or product",
        **{f"users_{reached}": f"distinct users with a {event}" for reached, event in _STEPS.items()},
        **{f"sessions_{reached}": f"distinct visits with a {event}" for reached, event in _STEPS.items()},
    },
)

USER_DAYS = Table(
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
    key=("event_date", "user_id"),
    superseding=Superseding(("event_date", "user_id"), tuple(_DONE)),
    made_from=("silver/events",),
    lineage=_LINEAGE,
    cadence=Cadence.MINUTES,
    engine="duckdb",
    columns={
        "sessions": "distinct visits (user_session) of the day; sessions, cut after 30 minutes, are in silver/sessions",
        "first_event_at": "event_time of the first event of the day",
        "last_event_at": "event_time of the last event of the day",
    },
)

SESSIONS = Table(
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
    "What a user did without a pause of 30 minutes, under the day on which the session began, and its outcome.",
    key=("event_date", "user_id", "user_session", "started_at"),
    made_from=("silver/events",),
    lineage=_LINEAGE,
    cadence=Cadence.MINUTES,
    engine="duckdb",
    columns={
        "started_at": "event_time of the session's first event",
        "ended_at": "event_time of the session's last event",
        "outcome": "bought; carted: something went into the cart and nothing was bought; or browsed",
    },
    superseding=Superseding(("event_date", "user_id", "user_session"), tuple(_DONE), ("started_at", "ended_at")),
)

ABANDONED_CARTS = Table(
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
    "Items that users put in their carts and neither took out nor bought since. An item that is bought later leaves.",
    key=("user_id", "product_id"),
    made_from=("silver/events",),
    lineage=_LINEAGE,
    cadence=Cadence.MINUTES,
    engine="duckdb",
    is_served=True,
    keeps_users=True,
    columns={
        "quantity": "how often the item was put in the cart since it was last out of it",
        "cart_value": "price times quantity",
        "carted_at": "when the item was last put in the cart (UTC)",
        "abandoned_at": "when the item counted as abandoned (UTC): SALESINSIGHTS_CART_MINUTES after carted_at",
    },
)

RECOVERED_CARTS = Table(
    "gold/recovered_carts",
    pl.Schema(
        {
            "user_id": pl.Int64(),
            "product_id": pl.Int64(),
            "brand": pl.String(),
            "carted_at": UTC_MICROSECONDS,
            "abandoned_at": UTC_MICROSECONDS,
            "recovered_at": UTC_MICROSECONDS,
            "units": pl.Int64(),
            "revenue": AMOUNT,
        }
    ),
    (),
    "Items that users bought after they had left them in their carts, of the carts of SALESINSIGHTS_CART_DAYS.",
    key=("user_id", "product_id", "recovered_at"),
    made_from=("silver/events",),
    lineage=_LINEAGE,
    cadence=Cadence.MINUTES,
    engine="duckdb",
    is_served=True,
    keeps_users=True,
    columns={
        "carted_at": "when the item was last put in the cart before it was bought (UTC)",
        "abandoned_at": "when the item counted as abandoned (UTC): SALESINSIGHTS_CART_MINUTES after carted_at",
        "recovered_at": "when the item was bought after all (UTC)",
        "revenue": "what was paid for the item then; a later refund is not taken off",
    },
)

COHORT_RETENTION = Table(
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
    "How many of the users who were first active in a month were active in each month since, and their revenue: by any "
    "event, and by views, carts and purchases alone.",
    key=("activity", "cohort", "month"),
    made_from=("gold/user_days",),
    lineage={
        **dict.fromkeys(("cohort", "month", "months_since"), ("event_date",)),
        **dict.fromkeys(("cohort_users", "users", "retention"), ("user_id",)),
        "activity": ("views", "carts", "purchases"),
    },
    cadence=Cadence.HOURLY,
    engine="duckdb",
    is_served=True,
    columns={
        "activity": "what counts as being active: any event, view, cart or purchase",
        "cohort": "the month of the users' first activity, as its first day",
        "month": "the month in which the users are counted, as its first day",
        "months_since": "months from the cohort's month to this one",
        "cohort_users": "users whose first activity was in the cohort's month",
        "users": "users of the cohort who were active in this month",
        "retention": "users divided by cohort_users, from 0 to 1",
        "revenue": "what the cohort's users bought in this month, active in it or not, net of refunds",
    },
)

FEATURE_DAYS = (7, 30, 90)
"""The spans of the features, in days that end with the day of the features."""

_FEATURE_KINDS = {**_DONE, "sessions": pl.Int64(), "revenue": AMOUNT}
FEATURE_SUMS = tuple(_FEATURE_KINDS)
"""What is summed up over each span, and over all days."""

_ACTIVE = tuple(f"active_days_{days}d" for days in FEATURE_DAYS)

_SPANNED = {
    **{f"{name}_{days}d": kind for days in FEATURE_DAYS for name, kind in _FEATURE_KINDS.items()},
    **dict.fromkeys(_ACTIVE, pl.Int64()),
}

_SUMMED = {
    "views": "views",
    "carts": "items put in the cart",
    "removals": "items taken out of the cart",
    "purchases": "purchase rows without returns",
    "returns": "purchase rows with a negative price",
    "sessions": "sessions that began",
    "revenue": "sum of purchase prices, net of refunds",
    "active_days": "days with an event",
}

USER_FEATURES = Table(
    "gold/user_features",
    pl.Schema(
        {
            "user_id": pl.Int64(),
            **{f"days_since_{what}": pl.Int64() for what in ("first_event", "last_event", "purchase")},
            "recency": pl.Int64(),
            "frequency": pl.Int64(),
            "active_days": pl.Int64(),
            **_FEATURE_KINDS,
            **_SPANNED,
            "as_of": pl.Date(),
        }
    ),
    ("as_of",),
    "What each user had done by the end of a day, and nothing from after it: training data.",
    key=("as_of", "user_id"),
    made_from=("gold/user_days", "silver/sessions"),
    lineage={
        **{f"{name}_{days}d": (name,) for name in _FEATURE_KINDS for days in FEATURE_DAYS},
        **dict.fromkeys(_ACTIVE, ("event_date",)),
    },
    cadence=Cadence.ON_REQUEST,
    engine="duckdb",
    keeps_users=True,
    columns={
        **{f"{name}_{days}d": f"{done}, last {days} days" for name, done in _SUMMED.items() for days in FEATURE_DAYS},
        **{name: f"{done}, so far" for name, done in _SUMMED.items()},
        "days_since_first_event": "days from the first event to as_of",
        "days_since_last_event": "days from the last event to as_of",
        "days_since_purchase": "days from the last purchase to as_of; null without one",
        "as_of": "the UTC day at whose end the features hold",
    },
)
