"""Purchase histories: only what the models need of each buyer, so that a million fit in little memory.

Add here: how a history is read from customer_days. Not here: the other measures of a buyer (`customer_value.sql`, which
also defines these; a test keeps both definitions equal).
"""

from datetime import date

import polars as pl

READ = ("user_id", "orders", "revenue", "event_date")
"""The columns of customer_days from which histories are made."""


def purchase_histories(days: pl.DataFrame) -> pl.DataFrame:
    """One row per buyer, from READ of customer_days: user_id, frequency, recency, tenure_days and monetary_value.

    Days count from the first purchase; tenure_days until the newest day on which anybody bought. A day of returns alone
    has no purchase, but its revenue counts.
    """
    bought = pl.col("event_date").filter(pl.col("orders") > 0)
    first, last = bought.min(), bought.max()
    repeat_revenue = pl.col("revenue").filter(pl.col("event_date") != first).sum()
    grouped = (
        days.filter((pl.col("orders") > 0).any().over("user_id"))
        .group_by("user_id")
        .agg(
            (bought.len().cast(pl.Int64) - 1).alias("frequency"),
            (last - first).dt.total_days().alias("recency"),
            (pl.lit(newest_day(days), pl.Date) - first).dt.total_days().alias("tenure_days"),
            repeat_revenue.cast(pl.Float64).alias("repeat_revenue"),
        )
    )
    mean = pl.when(pl.col("frequency") > 0).then(pl.col("repeat_revenue") / pl.col("frequency"))
    return grouped.with_columns(monetary_value=mean).drop("repeat_revenue").sort("user_id")


def histories_in(parts: pl.DataFrame) -> pl.DataFrame:
    """The rows that `purchase_histories` gives, from the parts of `purchase_history`."""
    grouped = parts.group_by("user_id").agg(
        pl.col("days").sum().cast(pl.Int64),
        pl.col("first_day").min(),
        pl.col("last_day").max(),
        pl.col("revenue").sum(),
        pl.col("first_revenue").sort_by("first_day", nulls_last=True).first(),
    )
    grouped = grouped.filter(pl.col("days") > 0)
    repeat_revenue, frequency = (pl.col("revenue") - pl.col("first_revenue")).cast(pl.Float64), pl.col("days") - 1
    return grouped.select(
        "user_id",
        frequency=frequency,
        recency=(pl.col("last_day") - pl.col("first_day")).dt.total_days(),
        tenure_days=(pl.col("last_day").max() - pl.col("first_day")).dt.total_days(),
        monetary_value=pl.when(frequency > 0).then(repeat_revenue / frequency),
    ).sort("user_id")


def newest_day(days: pl.DataFrame) -> date | None:
    """The newest day on which anybody bought; None if nobody has."""
    newest = days.filter(pl.col("orders") > 0)["event_date"].max()
    return newest if isinstance(newest, date) else None
