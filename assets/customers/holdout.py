"""How well a model predicts: fitted to the first part of the history, and compared with what came after it.

Add here: a figure of the report. Not here: the model (`lifetime_model`), or the pictures (`clv_pictures`).
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl

from assets.customers.bg_nbd import BgNbd
from assets.customers.histories import newest_day, purchase_histories
from assets.customers.lifetime_model import HISTORY, fit_purchases, histories
from assets.customers.options import ClvOptions
from assets.tables import CLV_HOLDOUT

LONGEST_DAYS = 90
SHORTEST_DAYS = 7
"""A holdout is the last third of the history, LONGEST_DAYS at most; there is none shorter than SHORTEST_DAYS."""

TELLING_PURCHASES = 30
"""With fewer purchases in the holdout, the models are told apart by their likelihood."""

MOST_FREQUENT = 7
"""Customers with this many repeat purchases, or more, share one bucket."""

BY_FREQUENCY, BY_WEEK = "frequency", "week"


@dataclass(frozen=True)
class Holdout:
    """`rows` as in gold/clv_holdout, without the version; `figures` under the column names of gold/clv_model.

    They are those of the better model, MBG/NBD if `modified`. `error` is how far it was off: the differences between
    predicted and actual purchases, by frequency, added up and divided by the actual ones.
    """

    rows: pl.DataFrame
    figures: dict[str, object]
    modified: bool
    purchases: int
    error: float

    @property
    def tells(self) -> bool:
        """Whether there were enough purchases to tell models apart."""
        return self.purchases >= TELLING_PURCHASES


def hold_out(days: pl.DataFrame, options: ClvOptions) -> Holdout | None:
    """The report of the model that predicts best, after it saw these customer_days without their last third.

    The last third has at most LONGEST_DAYS. Only the model of the options is tried, if they name one. None if the
    history is too short, or if its first part holds too little to fit a model.
    """
    split = _split(days)
    if split is None:
        return None
    kinds = (False, True) if options.modified is None else (options.modified,)
    reports = [report for kind in kinds if (report := _report(split, options, kind)) is not None]
    if not reports:
        return None
    best = min(reports, key=lambda report: report.error)
    errors = {_ERRORS[report.modified]: report.error for report in reports}
    return replace(best, figures={**best.figures, **errors})


_ERRORS = {False: "holdout_error_bg_nbd", True: "holdout_error_mbg_nbd"}


@dataclass(frozen=True)
class _Split:
    """The histories of the buyers until the day `start`, and what they bought `after` it, within `days` days."""

    buyers: pl.DataFrame
    after: pl.DataFrame
    start: date
    days: int


def _split(days: pl.DataFrame) -> _Split | None:
    first, last = days["event_date"].min(), newest_day(days)
    length = min((last - first).days // 3, LONGEST_DAYS) if isinstance(first, date) and last else 0
    if length < SHORTEST_DAYS:
        return None
    seen = days.filter(pl.col("event_date") <= pl.lit(last) - timedelta(days=length))
    buyers, start = purchase_histories(seen), newest_day(seen)
    if start is None or last is None:
        return None
    bought_after = (pl.col("event_date") > start) & (pl.col("orders") > 0)
    after = days.filter(bought_after).join(buyers.select("user_id", "frequency"), on="user_id")
    return _Split(buyers, after, start, (last - start).days)


def _report(split: _Split, options: ClvOptions, modified: bool) -> Holdout | None:
    """The report of one model; None if it can't be fitted."""
    buyers, after = split.buyers, split.after
    model, fit = fit_purchases(histories(buyers, options), modified)
    if fit.fit_warning:
        return None
    ends = _weeks(split.days)
    expected = _expected(buyers, model, ends, options.unit_days)
    by_frequency = _by_frequency(buyers, after, expected)
    off = float((by_frequency["predicted"] - by_frequency["actual"]).abs().sum())
    rows = pl.concat([by_frequency, _by_week(buyers.height, after, expected, split.start, ends)])
    figures = {
        "holdout_start": split.start,
        "holdout_days": split.days,
        "holdout_customers": buyers.height,
        "holdout_purchases": float(after.height),
        "holdout_predicted": float(by_frequency["predicted"].sum()),
    }
    return Holdout(rows, figures, modified, after.height, off / max(after.height, 1))


def _weeks(days: int) -> list[int]:
    return [*range(7, days, 7), days]


def _expected(buyers: pl.DataFrame, model: BgNbd, ends: list[int], unit_days: int) -> pl.DataFrame:
    """Per distinct history: its customers, and the expected purchases of one of them until each of `ends`."""
    counted = buyers.group_by(HISTORY).len("customers").sort(HISTORY)
    frequency, recency, age = (counted[name].cast(pl.Float64).to_numpy() for name in HISTORY)
    ahead = [end / unit_days for end in ends]
    expected = model.expected_purchases(frequency, recency / unit_days, age / unit_days, ahead)
    return counted.with_columns(predicted=pl.Series(expected.tolist(), dtype=pl.List(pl.Float64)))


def _by_frequency(buyers: pl.DataFrame, after: pl.DataFrame, expected: pl.DataFrame) -> pl.DataFrame:
    """Purchases in the holdout, by the customers' repeat purchases before it."""
    bucket = pl.col("frequency").clip(upper_bound=MOST_FREQUENT).alias("bucket")
    each = pl.col("predicted").list.last() * pl.col("customers")
    predicted = expected.group_by(bucket).agg(each.sum().alias("predicted"))
    actual = after.group_by(bucket).agg(pl.len().alias("actual"))
    grouped = buyers.group_by(bucket).agg(pl.len().alias("customers")).join(predicted, on="bucket")
    counted = grouped.join(actual, on="bucket", how="left").with_columns(pl.col("actual").fill_null(0))
    return _rows(BY_FREQUENCY, counted)


def _by_week(customers: int, after: pl.DataFrame, expected: pl.DataFrame, start: date, ends: list[int]) -> pl.DataFrame:
    """Purchases of all customers until the end of each week of the holdout; the last week may be shorter."""
    ages = (after["event_date"] - start).dt.total_days().to_numpy()
    sums = np.array(expected["predicted"].to_list()).T @ expected["customers"].cast(pl.Float64).to_numpy()
    found = {"bucket": range(1, len(ends) + 1), "actual": [(ages <= end).sum() for end in ends], "predicted": sums}
    return _rows(BY_WEEK, pl.DataFrame(found).with_columns(customers=pl.lit(customers)))


def _rows(measure: str, figures: pl.DataFrame) -> pl.DataFrame:
    named = figures.with_columns(measure=pl.lit(measure), model_version=pl.lit(None, pl.Int64))
    return named.select(CLV_HOLDOUT.schema.names()).cast(CLV_HOLDOUT.schema).sort("bucket")
