"""The models of lifetime value on shops of five kinds, with and without the prior: cost, predictions, and intervals.

A shop is seen without the last third of its history (90 days at most), and what came then is the truth.
Add here: a kind of shop, or a figure. Not here: what fitting through the lake costs (`customers`).
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from assets.customers.bg_nbd import fit_bg_nbd
from assets.customers.clv_model import fit_models
from assets.customers.gamma_gamma import fit_gamma_gamma
from assets.customers.histories import purchase_histories
from assets.customers.holdout import LONGEST_DAYS
from assets.customers.lifetime_model import LifetimeModel, fit_lifetime, histories, predict
from assets.customers.options import ClvOptions
from benchmarks.alone import alone, peak_mb
from salesinsights_dagster.simulator.month_file import write_month
from salesinsights_dagster.simulator.shop import Shop

CDNOW = Path(__file__).resolve().parents[2] / "shared" / "data" / "cdnow_customers_summary.csv"
"""Each customer's repeat purchases until week 39. It has no dates, so there is nothing to hold out."""

EVENTS_A_MONTH = 400_000
UNKNOWN = "-"


@dataclass(frozen=True)
class Seen:
    """The histories of a shop's buyers, the days that they are from, and `after`, what came within `ahead` days."""

    buyers: pl.DataFrame
    days: pl.DataFrame
    after: pl.DataFrame
    ahead: int


def run(sell: Callable[[int], pl.DataFrame]) -> list[dict[str, object]]:
    """A line per shop, with and without the prior. `sell` gives rows of customer_days of so many buyers."""
    shops: dict[str, tuple[Callable[..., Seen], *tuple[object, ...]]] = {
        "CDNOW": (_cdnow,),
        "simulated shop, two months": (_simulated,),
        "all buy once": (_once, sell),
        "some ten customers": (_invented, sell, 15),
        "a million buyers": (_invented, sell, 1_000_000),
    }
    return [
        {"shop": name, "prior": "with" if has_prior else "without", **alone(_measure, has_prior, *shop)}
        for name, shop in shops.items()
        for has_prior in (True, False)
    ]


def _measure(has_prior: bool, make: Callable[..., Seen], *arguments: object) -> dict[str, object]:
    # Loaded before the clock starts, since every process that fits loads it once.
    import scipy.optimize  # noqa: F401

    seen = make(*arguments)
    options = ClvOptions(near_days=seen.ahead, discount_rate=0.0)
    begun = time.process_time()
    model = _with_prior(seen, options) if has_prior else _without_prior(seen.buyers, options)
    fitted = time.process_time()
    scored = predict(seen.buyers, model)
    return {
        "buyers": seen.buyers.height,
        "came back": seen.buyers.filter(pl.col("frequency") > 0).height,
        "model": UNKNOWN if model.purchases is None else "MBG/NBD" if model.purchases.modified else "BG/NBD",
        "why none": model.doubt or UNKNOWN,
        "CPU s to fit": round(fitted - begun, 2),
        "CPU s to score": round(time.process_time() - fitted, 2),
        "MB": peak_mb(),
        **_compared(scored, seen.after),
    }


def _with_prior(seen: Seen, options: ClvOptions) -> LifetimeModel:
    """As the product fits: the holdout inside what was seen chooses the model."""
    if seen.days.is_empty():
        return fit_lifetime(seen.buyers, options).model
    return fit_models(seen.buyers, seen.days, options).fit.model


def _without_prior(buyers: pl.DataFrame, options: ClvOptions) -> LifetimeModel:
    """The largest likelihood alone, of the model that has the larger one."""
    distinct = histories(buyers, options)
    purchases, fit = max(
        (fit_bg_nbd(distinct, modified=modified) for modified in (False, True)), key=lambda one: one[1].log_likelihood
    )
    repeats, spent = (
        buyers[name].cast(pl.Float64).fill_null(0.0).to_numpy() for name in ("frequency", "monetary_value")
    )
    value, value_fit = fit_gamma_gamma(repeats, spent)
    return LifetimeModel(
        None if fit.fit_warning else purchases,
        None if value_fit.fit_warning else value,
        options,
        fit.fit_warning or value_fit.fit_warning,
    )


def _compared(scored: pl.DataFrame, after: pl.DataFrame) -> dict[str, object]:
    """Predicted and actual purchases, and how many intervals hold; of whom nothing is expected, none is asked."""
    names = ("holdout predicted / actual", "of purchases, % held", "of value, % held")
    found: dict[str, object] = dict.fromkeys(names, UNKNOWN)
    if after.is_empty() or scored["near_predicted_purchases"].null_count():
        return found
    came = after.group_by("user_id").agg(pl.len().alias("days"), pl.col("revenue").sum().alias("spent"))
    joined = scored.join(came, on="user_id", how="left").with_columns(pl.col("days", "spent").fill_null(0))
    predicted, actual = joined["near_predicted_purchases"].sum(), joined["days"].sum()
    found["holdout predicted / actual"] = f"{predicted:,.0f} / {actual:,}"
    for what, truth in (("purchases", "days"), ("value", "spent")):
        low, high = (pl.col(f"near_predicted_{what}_{end}").cast(pl.Float64) for end in ("low", "high"))
        asked = joined.filter(high > 0)
        if asked.height:
            held = asked.select(pl.col(truth).cast(pl.Float64).is_between(low, high).mean()).item()
            found[f"of {what}, % held"] = f"{100 * held:.1f}"
    return found


def _split(days: pl.DataFrame) -> Seen:
    first, last = days["event_date"].min(), days["event_date"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    ahead = min((last - first).days // 3, LONGEST_DAYS)
    is_seen = pl.col("event_date") <= last - timedelta(days=ahead)
    seen = days.filter(is_seen)
    buyers = purchase_histories(seen)
    return Seen(buyers, seen, days.filter(~is_seen).join(buyers.select("user_id"), on="user_id"), ahead)


def _cdnow() -> Seen:
    days = {name: (pl.col(name) * 7).round() for name in ("recency", "tenure_days")}
    buyers = pl.read_csv(CDNOW).rename({"ID": "user_id", "T": "tenure_days"}).with_columns(**days)
    nothing = pl.DataFrame()
    return Seen(buyers.with_columns(monetary_value=pl.lit(None, pl.Float64)), nothing, nothing, 273)


def _simulated() -> Seen:
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-") as folder:
        files = [write_month(Shop(1), 2019, month, EVENTS_A_MONTH, Path(folder)) for month in (10, 11)]
        events = pl.concat(pl.read_csv(file, schema_overrides={"price": pl.Decimal(12, 2)}) for file in files)
    bought = events.filter(pl.col("event_type") == "purchase", pl.col("price") >= 0)
    day = pl.col("event_time").str.slice(0, 10).str.to_date()
    return _split(
        bought.group_by("user_id", day.alias("event_date")).agg(
            pl.lit(1).alias("orders"), pl.col("price").sum().alias("revenue")
        )
    )


def _once(sell: Callable[[int], pl.DataFrame]) -> Seen:
    days = sell(50_000).sort("event_date").unique("user_id", keep="first", maintain_order=True)
    return _split(days)


def _invented(sell: Callable[[int], pl.DataFrame], buyers: int) -> Seen:
    return _split(sell(buyers))
