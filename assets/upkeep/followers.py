"""The tables that follow the sales in their own time: which of them are behind, and how all are brought up to date.

Dagster does this piece by piece, by automation. Without its daemon, after a backfill or `ingest`, it is done here.
Add here: a table that follows. Not here: how one follows (the module of each table).
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter

from assets.customers.audience import AudienceFile
from assets.customers.audiences import audiences_are_behind, refresh_audiences
from assets.customers.clv_model import refit
from assets.customers.customer_value import customer_value_is_behind, refresh_customer_value
from assets.customers.options import ClvOptions
from assets.customers.sales_outlook import (
    backtest_is_behind,
    expected_sales_is_behind,
    refresh_backtest,
    refresh_expected_sales,
)
from assets.customers.segment_months import refresh_segments, segments_are_behind
from assets.customers.segment_rules import SegmentRules
from assets.gold.recounted_days import is_recount_due, mark_recounted
from assets.gold.unfinished_days import finish_days
from assets.products.bought_together import bought_together_is_behind, refresh_bought_together
from assets.products.category_sales import category_sales_are_behind, refresh_category_sales
from assets.products.product_outlook import product_outlook_is_behind, refresh_product_outlook
from assets.products.repurchases import refresh_repurchases, repurchases_are_behind
from assets.tables import (
    ABANDONED_CARTS,
    AUDIENCE_MEMBERS,
    BOUGHT_TOGETHER,
    CATALOG,
    CATEGORY_SALES_DAILY,
    COHORT_RETENTION,
    CUSTOMER_DAYS,
    CUSTOMER_VALUE,
    EXPECTED_SALES,
    PRODUCT_OUTLOOK,
    REPURCHASES,
    SALES_BACKTEST,
    SEGMENTS,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    USER_DAYS,
    VISITOR_TABLES,
)
from assets.visitors.abandoned_carts import carts_are_behind, refresh_carts
from assets.visitors.cart_rule import CartRule
from assets.visitors.cohort_retention import cohorts_are_behind, refresh_cohorts
from assets.visitors.daily_tables import is_stale, refresh_days
from resources.lake import Lake
from resources.table_layout import TableLayout


@dataclass(frozen=True)
class Choices:
    """What the settings say about the tables that follow."""

    clv: ClvOptions
    segments: SegmentRules
    carts: CartRule
    window_seconds: int
    audiences: AudienceFile


@dataclass(frozen=True)
class Refreshed:
    """A table that is up to date now: its rows, the seconds that it took, and whether it was behind."""

    name: str
    rows: int
    seconds: float
    was_behind: bool


@dataclass(frozen=True)
class _Follower:
    layout: TableLayout
    source: TableLayout
    is_behind: Callable[[Lake], bool]
    refresh: Callable[[Lake], object]


def refresh_followers(lake: Lake, choices: Choices, now: datetime) -> Iterator[Refreshed]:
    """Bring each table that follows up to date, in order; yield it once that is committed. Idempotent.

    Days of gold that a killed backfill left behind, or that are counted by a new rule, are brought up to date first.
    """
    if is_recount_due(lake):
        mark_recounted(lake)
    finish_days(lake, choices.window_seconds)
    for one in _followers(choices, now):
        begun, was_behind = perf_counter(), one.is_behind(lake)
        if was_behind:
            one.refresh(lake)
        yield Refreshed(one.layout.name, lake.table(one.layout).rows, perf_counter() - begun, was_behind)


def behind(lake: Lake, choices: Choices, layouts: Collection[TableLayout]) -> list[TableLayout]:
    """Which of these tables do not show all rows of their source yet; none where the source has no rows."""
    asked = [one for one in _followers(choices, None) if one.layout in layouts]
    return [one.layout for one in asked if lake.table(one.source).rows and one.is_behind(lake)]


def _followers(choices: Choices, now: datetime | None) -> list[_Follower]:
    return [
        *(_daily(layout) for layout in VISITOR_TABLES),
        _Follower(
            ABANDONED_CARTS,
            SILVER_EVENTS,
            lambda lake: carts_are_behind(lake, choices.carts),
            lambda lake: refresh_carts(lake, choices.carts),
        ),
        _Follower(COHORT_RETENTION, USER_DAYS, cohorts_are_behind, refresh_cohorts),
        _Follower(CATEGORY_SALES_DAILY, SILVER_PURCHASES, category_sales_are_behind, refresh_category_sales),
        _Follower(PRODUCT_OUTLOOK, CATALOG, product_outlook_is_behind, refresh_product_outlook),
        _Follower(BOUGHT_TOGETHER, SILVER_PURCHASES, bought_together_is_behind, refresh_bought_together),
        _Follower(REPURCHASES, SILVER_PURCHASES, repurchases_are_behind, refresh_repurchases),
        _Follower(
            CUSTOMER_VALUE,
            CUSTOMER_DAYS,
            lambda lake: customer_value_is_behind(lake, choices.clv, choices.segments),
            lambda lake: _value(lake, choices, now),
        ),
        _Follower(
            SEGMENTS,
            CUSTOMER_VALUE,
            lambda lake: segments_are_behind(lake, choices.segments),
            lambda lake: refresh_segments(lake, choices.segments),
        ),
        _Follower(EXPECTED_SALES, CUSTOMER_VALUE, expected_sales_is_behind, refresh_expected_sales),
        _Follower(
            SALES_BACKTEST,
            CUSTOMER_DAYS,
            lambda lake: backtest_is_behind(lake, choices.clv),
            lambda lake: refresh_backtest(lake, choices.clv),
        ),
        _Follower(
            AUDIENCE_MEMBERS,
            SILVER_EVENTS,
            lambda lake: audiences_are_behind(lake, choices.audiences.read()),
            lambda lake: now and refresh_audiences(lake, choices.audiences.read(), now),
        ),
    ]


def _daily(layout: TableLayout) -> _Follower:
    return _Follower(
        layout, SILVER_EVENTS, lambda lake: is_stale(lake, layout), lambda lake: list(refresh_days(lake, layout))
    )


def _value(lake: Lake, choices: Choices, now: datetime | None) -> None:
    if now is not None:
        refit(lake, choices.clv, now)
    refresh_customer_value(lake, choices.segments)
