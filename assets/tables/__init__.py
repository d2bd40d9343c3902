"""Which tables there are: names, columns, partitions, and what one row stands for.

Add here: a table's name in SQL, or a set of tables. Not here: a table (the modules beside), or how its rows come about
(the module of `assets` named like the table).
"""

from assets.tables.audiences import AUDIENCE_MEMBERS
from assets.tables.catalog import CATALOG, CATALOG_REFUSED
from assets.tables.customers import (
    CLV_HOLDOUT,
    CLV_MODEL,
    CUSTOMER_VALUE,
    CUSTOMER_VALUE_DAYS,
    EXPECTED_SALES,
    INTERVALS,
    PREDICTED,
    SALES_BACKTEST,
    SEGMENT_MOVES,
    SEGMENTED,
    SEGMENTS,
)
from assets.tables.events import (
    ARCHIVE,
    BRONZE_ARCHIVE_MONTHS,
    BRONZE_EVENTS,
    FORGOTTEN_USERS,
    SILVER_BATCHES,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
)
from assets.tables.products import BOUGHT_TOGETHER, CATEGORY_SALES_DAILY, PRODUCT_OUTLOOK, REPURCHASES
from assets.tables.proofs import PROOFS
from assets.tables.sales import AMOUNT, CUSTOMER_DAYS, PRODUCT_SALES, PRODUCT_SALES_DAILY, RESTATEMENTS, SALES_TOPIC
from assets.tables.viewers import NOTES, SAVED_VIEWS
from assets.tables.visitors import (
    ABANDONED_CARTS,
    COHORT_RETENTION,
    FEATURE_DAYS,
    FEATURE_SUMS,
    FUNNEL_DAILY,
    RECOVERED_CARTS,
    SESSIONS,
    USER_DAYS,
    USER_FEATURES,
)

__all__ = [
    "ABANDONED_CARTS",
    "AMOUNT",
    "ARCHIVE",
    "AUDIENCE_MEMBERS",
    "BOUGHT_TOGETHER",
    "BRONZE_ARCHIVE_MONTHS",
    "BRONZE_EVENTS",
    "CATALOG",
    "CATALOG_REFUSED",
    "CATEGORY_SALES_DAILY",
    "CLV_HOLDOUT",
    "CLV_MODEL",
    "COHORT_RETENTION",
    "CUSTOMER_DAYS",
    "CUSTOMER_VALUE",
    "CUSTOMER_VALUE_DAYS",
    "DAILY",
    "EXPECTED_SALES",
    "FEATURE_DAYS",
    "FEATURE_SUMS",
    "FORGOTTEN_USERS",
    "FUNNEL_DAILY",
    "INTERVALS",
    "NOTES",
    "PREDICTED",
    "PRODUCT_OUTLOOK",
    "PRODUCT_SALES",
    "PRODUCT_SALES_DAILY",
    "PROOFS",
    "RECOVERED_CARTS",
    "REFINED",
    "REPURCHASES",
    "RESTATEMENTS",
    "SALES_BACKTEST",
    "SALES_TOPIC",
    "SAVED_VIEWS",
    "SEGMENTED",
    "SEGMENTS",
    "SEGMENT_MOVES",
    "SESSIONS",
    "SILVER_BATCHES",
    "SILVER_EVENTS",
    "SILVER_PURCHASES",
    "SILVER_QUARANTINE",
    "TABLES",
    "USER_DAYS",
    "USER_FEATURES",
    "VISITOR_TABLES",
]

DAILY = (PRODUCT_SALES, PRODUCT_SALES_DAILY, CUSTOMER_DAYS)
"""The gold tables that are computed from the purchases of a day."""

VISITOR_TABLES = (FUNNEL_DAILY, USER_DAYS, SESSIONS)
"""The tables that are computed from all events of a day, on a cadence of their own."""

REFINED = (*DAILY, SILVER_PURCHASES, SILVER_BATCHES, SILVER_QUARANTINE, SILVER_EVENTS)
"""What a micro-batch makes from bronze, in the order in which to load it: what a table is made from comes after it."""

TABLES = {
    table.sql_name: table
    for table in (
        BRONZE_ARCHIVE_MONTHS,
        BRONZE_EVENTS,
        SILVER_BATCHES,
        SILVER_QUARANTINE,
        SILVER_EVENTS,
        SILVER_PURCHASES,
        FORGOTTEN_USERS,
        PRODUCT_SALES,
        PRODUCT_SALES_DAILY,
        CUSTOMER_DAYS,
        CLV_MODEL,
        CLV_HOLDOUT,
        CUSTOMER_VALUE_DAYS,
        CUSTOMER_VALUE,
        SEGMENT_MOVES,
        SEGMENTS,
        EXPECTED_SALES,
        SALES_BACKTEST,
        RESTATEMENTS,
        FUNNEL_DAILY,
        USER_DAYS,
        SESSIONS,
        RECOVERED_CARTS,
        ABANDONED_CARTS,
        COHORT_RETENTION,
        CATEGORY_SALES_DAILY,
        BOUGHT_TOGETHER,
        REPURCHASES,
        CATALOG_REFUSED,
        CATALOG,
        PRODUCT_OUTLOOK,
        NOTES,
        SAVED_VIEWS,
        USER_FEATURES,
        AUDIENCE_MEMBERS,
        SALES_TOPIC,
        PROOFS,
    )
}
"""Each table under its name in SQL, in the order in which a micro-batch commits to them."""
