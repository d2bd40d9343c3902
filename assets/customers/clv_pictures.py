"""How well the models predict, as pictures: the holdout report, and the backtest of past months.

Add here: a picture of a fit. Not here: the figures behind it (`holdout`, `sales_outlook`).
"""

import polars as pl

from assets.customers.holdout import BY_FREQUENCY, BY_WEEK, MOST_FREQUENT
from assets.runs.charts import png_of

ACTUAL, PREDICTED = "#9a97b0", "#4f43dd"


def draw_holdout(rows: pl.DataFrame) -> bytes:
    """Draw one version's rows of gold/clv_holdout as PNG bytes: per customer by frequency, and cumulative by week."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    by_frequency = rows.filter(measure=BY_FREQUENCY).sort("bucket")
    buckets = by_frequency["bucket"].to_list()
    for name, color in (("actual", ACTUAL), ("predicted", PREDICTED)):
        each = (by_frequency[name] / by_frequency["customers"]).to_list()
        left.plot(buckets, each, color=color, marker="o", label=name)
    left.set_xticks(buckets, [f"{bucket}+" if bucket == MOST_FREQUENT else str(bucket) for bucket in buckets])
    left.set_title("Purchases per customer, by repeat purchases before", loc="left", fontsize=10)
    by_week = rows.filter(measure=BY_WEEK).sort("bucket")
    for name, color in (("actual", ACTUAL), ("predicted", PREDICTED)):
        right.plot(by_week["bucket"].to_list(), by_week[name].to_list(), color=color, marker="o", label=name)
    right.set_title("Purchases of all customers, cumulative by week", loc="left", fontsize=10)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, fontsize=8)
    return png_of(figure)


def draw_backtest(rows: pl.DataFrame) -> bytes:
    """Draw gold/sales_backtest as PNG bytes: the revenue of each month beside the expected one and its interval."""
    from matplotlib.figure import Figure

    told = rows.filter(pl.col("expected").is_not_null()).sort("month")
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    axes = figure.subplots()
    places = range(told.height)
    actual, expected, low, high = (
        told[name].cast(pl.Float64).to_numpy() for name in ("actual", "expected", "expected_low", "expected_high")
    )
    axes.bar(places, actual, color=ACTUAL, width=0.6, label="actual")
    spread = [expected - low, high - expected]
    axes.errorbar(places, expected, yerr=spread, color=PREDICTED, fmt="o", capsize=5, label="expected, 90 % interval")
    axes.set_xticks(places, [f"{month:%b %Y}" for month in told["month"]])
    axes.set_title("Revenue by month, and what was expected when it began", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    return png_of(figure)
