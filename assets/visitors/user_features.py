"""Training data: what each user had done until the end of a day, and nothing from after it.

Add here: a feature. Not here: what a user did on a day (`user_days.sql`), or a label (`user_labels`).
"""

from datetime import date

import dagster as dg
import polars as pl

from assets.runs.clock import Clock
from assets.runs.process_priority import yield_to_stream
from assets.tables import FEATURE_DAYS, FEATURE_SUMS, SESSIONS, USER_DAYS, USER_FEATURES
from assets.tables.asset_specs import DAYS_OF_BACKFILL, spec_of
from assets.visitors.daily_tables import refresh_days
from resources.lake import Lake
from resources.lake_errors import again_on_conflict

DAY_SUMS = tuple(name for name in FEATURE_SUMS if name != "sessions")
"""What is summed up from user_days. Sessions may cross midnight, so they are counted in silver/sessions."""


def features(days: pl.DataFrame, sessions: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The features of every user seen until `as_of`, from rows of user_days and sessions; later rows change nothing.

    Counts and sums over the last 7, 30 and 90 days, which end with `as_of`, and over all days; days since the first and
    the last event, and since the last purchase; frequency and recency as in customer_value. A session belongs to the
    day on which it began: what comes later only prolongs it.
    """
    known, begun = _aged(days, as_of), _aged(sessions, as_of)
    bought = pl.col("age").filter(pl.col("purchases") > 0)
    sums = [
        pl.col(name).filter(pl.col("age") < window).sum().alias(f"{name}_{window}d")
        for window in FEATURE_DAYS
        for name in DAY_SUMS
    ]
    active = [(pl.col("age") < window).sum().alias(f"active_days_{window}d") for window in FEATURE_DAYS]
    found = known.group_by("user_id").agg(
        pl.col("age").max().alias("days_since_first_event"),
        pl.col("age").min().alias("days_since_last_event"),
        bought.min().alias("days_since_purchase"),
        (bought.max() - bought.min()).alias("recency"),
        pl.when(bought.len() > 0).then(bought.len().cast(pl.Int64) - 1).alias("frequency"),
        pl.len().alias("active_days"),
        *(pl.col(name).sum() for name in DAY_SUMS),
        *sums,
        *active,
    )
    counted = begun.group_by("user_id").agg(
        pl.len().alias("sessions"),
        *((pl.col("age") < window).sum().alias(f"sessions_{window}d") for window in FEATURE_DAYS),
    )
    counts = [name for name in counted.columns if name != "user_id"]
    joined = found.join(counted, on="user_id", how="left").with_columns(pl.col(counts).fill_null(0))
    return joined.with_columns(as_of=pl.lit(as_of)).select(USER_FEATURES.schema.names()).cast(USER_FEATURES.schema)


def _aged(rows: pl.DataFrame, as_of: date) -> pl.DataFrame:
    age = (pl.lit(as_of) - pl.col("event_date")).dt.total_days()
    return rows.filter(pl.col("event_date") <= as_of).with_columns(age=age)


def refresh_sources(lake: Lake) -> None:
    """Bring the tables up to date that features are computed from."""
    for layout in (USER_DAYS, SESSIONS):
        for _ in refresh_days(lake, layout):
            pass


def make_features(lake: Lake, as_of: date) -> pl.DataFrame:
    """Compute the features of a day and replace the table's rows of it; return them, by user. Idempotent."""

    def make() -> pl.DataFrame:
        table, until = lake.table(USER_FEATURES), f"event_date <= DATE '{as_of}'"
        days = lake.table(USER_DAYS).read(until, ("user_id", "event_date", *DAY_SUMS))
        rows = features(days, lake.table(SESSIONS).read(until, ("user_id", "event_date")), as_of).sort("user_id")
        table.replace(rows, USER_FEATURES.on_days([as_of]), {})
        return rows

    return again_on_conflict(make)


@dg.multi_asset(name="user_features", specs=[spec_of(USER_FEATURES)], backfill_policy=DAYS_OF_BACKFILL)
def user_features(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], clock: dg.ResourceParam[Clock]
) -> dg.MaterializeResult:
    """Compute the features of the selected days. Select the days that a model is to be trained on.

    A day that has not begun gets no rows.
    """
    yield_to_stream(context)
    refresh_sources(lake)
    today = clock.now().date()
    for day in map(date.fromisoformat, context.partition_keys):
        rows = make_features(lake, day).height if day <= today else 0
        context.add_asset_metadata({"dagster/row_count": rows}, partition_key=day.isoformat())
    return dg.MaterializeResult()
