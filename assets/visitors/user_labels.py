"""Labels beside the features: what each user did in the days after a day, and nothing from before them.

Add here: a label. Not here: what had been done before (`user_features`), or how a file is written (`commands.export`).
"""

from datetime import date, datetime, timedelta

import polars as pl

from assets.tables.sales import AMOUNT
from resources.foreseen_error import ForeseenError
from resources.lake_table import LakeTable

READ = ("user_id", "purchases", "revenue", "event_date")
"""The columns of user_days from which labels are made."""

LABELS = {
    "bought": (pl.Boolean(), "whether the user bought something on the label days; returns do not count"),
    "purchases": (pl.Int64(), "purchase rows without returns on the label days"),
    "revenue": (AMOUNT, "sum of purchase prices on the label days, net of refunds"),
    "churned": (pl.Boolean(), "who had bought by as_of and bought nothing on the label days; null for who had not"),
    "first_label_day": (pl.Date(), "the first UTC day that the labels are of"),
    "last_label_day": (pl.Date(), "the last UTC day that the labels are of"),
}
"""Each label with its type and what it holds."""

_DAY = timedelta(days=1)


class LabelDaysError(ForeseenError):
    """The days that a label is of are not over, or not loaded; the message says up to when events are known."""


def labels(days: pl.DataFrame, as_of: date, first: date, span: int) -> pl.DataFrame:
    """What every user seen until `as_of` did on the `span` days from `first` on: user_id, as_of, and LABELS.

    `days`: READ of user_days. The users are those whom `user_features.features` has rows for.
    """
    last = first + (span - 1) * _DAY
    is_known, is_label = pl.col("event_date") <= as_of, pl.col("event_date").is_between(first, last)
    found = days.group_by("user_id").agg(
        pl.col("purchases").filter(is_label).sum(),
        pl.col("revenue").filter(is_label).sum(),
        is_known.any().alias("_was_seen"),
        ((pl.col("purchases") > 0) & is_known).any().alias("_had_bought"),
    )
    bought = pl.col("purchases") > 0
    told = found.filter("_was_seen").with_columns(
        as_of=pl.lit(as_of),
        bought=bought,
        churned=pl.when("_had_bought").then(~bought),
        first_label_day=pl.lit(first),
        last_label_day=pl.lit(last),
    )
    return told.select("user_id", "as_of", *(pl.col(name).cast(kind) for name, (kind, _) in LABELS.items()))


def last_whole_day(table: LakeTable, now: datetime) -> date | None:
    """The newest day of user_days that is over; None if there is none."""
    return max((day for day in table.days if day < now.date()), default=None)


def check_label_days(table: LakeTable, first: date, span: int, now: datetime) -> None:
    """Raises LabelDaysError unless all `span` days from `first` on are over and user_days reaches their end."""
    last, known = first + (span - 1) * _DAY, last_whole_day(table, now)
    if known is None or last > known:
        raise LabelDaysError(
            f"the {span} label days from {first} end on {last}, but the newest whole day with events is {known}: "
            "choose an earlier day, fewer label days, or load later events first; nothing was written"
        )


def labels_after(table: LakeTable, as_of: date, span: int, now: datetime) -> pl.DataFrame:
    """`labels` of the `span` days after `as_of`, by user. Raises LabelDaysError."""
    first = as_of + _DAY
    check_label_days(table, first, span, now)
    days = table.read(f"event_date <= DATE '{as_of + span * _DAY}'", READ)
    return labels(days, as_of, first, span).sort("user_id")
