"""What the visitor and customer tables cost: on months of history, and per refresh on a small and on a busy day.

Each figure comes from its own process. Add here: a table that follows in its own time. Not here: how long payments wait
meanwhile (`beside`), or many more buyers than a history has (`customers`).
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from assets.customers.clv_model import refit
from assets.customers.customer_value import refresh_customer_value
from assets.customers.options import ClvOptions
from assets.gold.gold import rebuild_gold
from assets.progress.batches import BATCH as BATCH_NUMBER
from assets.tables import (
    ABANDONED_CARTS,
    CLV_MODEL,
    COHORT_RETENTION,
    CUSTOMER_DAYS,
    CUSTOMER_VALUE,
    FUNNEL_DAILY,
    SESSIONS,
    SILVER_EVENTS,
    USER_DAYS,
    USER_FEATURES,
)
from assets.visitors.abandoned_carts import refresh_carts
from assets.visitors.cart_rule import CartRule
from assets.visitors.cohort_retention import refresh_cohorts
from assets.visitors.daily_tables import refresh_days
from assets.visitors.user_features import make_features
from benchmarks.alone import alone, peak_mb
from benchmarks.flatness import BATCH, Bench
from benchmarks.visitor_days import DAY, BusyDay
from resources.lake import Lake
from resources.table_layout import TableLayout

AFTER = datetime(2020, 3, 1, 12, tzinfo=UTC)
"""When the batch arrives: on the day after the history."""
LAST_DAY = date(2020, 2, 29)

FIRST_EVENTS, LOOK_EVENTS = 10_000, 30_000
"""On a small and on a busy day: a first refresh takes in FIRST_EVENTS and fills the index, a second one LOOK_EVENTS."""

SMALL_DAY = 3_000_000
"""Its last hour has as many events as the two refreshes take in."""

MAKERS: Mapping[str, tuple[TableLayout, Callable[[Lake], object]]] = {
    "funnel_daily": (FUNNEL_DAILY, lambda lake: list(refresh_days(lake, FUNNEL_DAILY))),
    "user_days": (USER_DAYS, lambda lake: list(refresh_days(lake, USER_DAYS))),
    "silver/sessions": (SESSIONS, lambda lake: list(refresh_days(lake, SESSIONS))),
    "abandoned_carts": (ABANDONED_CARTS, lambda lake: refresh_carts(lake, CartRule())),
    "cohort_retention": (COHORT_RETENTION, refresh_cohorts),
    "clv_model, with the holdout": (CLV_MODEL, lambda lake: refit(lake, ClvOptions(), AFTER)),
    "customer_value": (CUSTOMER_VALUE, refresh_customer_value),
    "user_features of a day": (USER_FEATURES, lambda lake: make_features(lake, LAST_DAY)),
}
"""Each table after those that it needs."""


def run(rows: int) -> list[dict[str, object]]:
    """A line per table: computed as a whole, and refreshed after a batch."""
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-") as folder:
        bench = Bench(Path(folder), AFTER)
        bench.load_history(rows)
        first = {name: alone(_make, folder, name) for name in MAKERS}
        bench.batch(BATCH)
        second = {name: alone(_make, folder, name) for name in MAKERS}
        return [
            {
                "table": name,
                "rows": first[name]["rows"],
                "s as a whole": first[name]["s"],
                "MB": first[name]["MB"],
                f"s after a batch of {BATCH:,}": second[name]["s"],
            }
            for name in MAKERS
        ]


def run_busy_day(events: int) -> list[dict[str, object]]:
    """A line per table: the day as a whole, and a refresh after LOOK_EVENTS more, compared with one on a small day.

    Silver is written directly: the figures are for these tables alone.
    """
    small, busy = (_on_a_day(count) for count in (SMALL_DAY, events))
    return [
        {
            "table": name,
            f"{events:,} events as a whole, CPU s": busy[name]["whole"]["CPU s"],
            "its peak MB": busy[name]["whole"]["MB"],
            "refresh on a small day, CPU s": small[name]["look"]["CPU s"],
            "refresh on the busy day, CPU s": busy[name]["look"]["CPU s"],
            "ratio": round(busy[name]["look"]["CPU s"] / max(small[name]["look"]["CPU s"], 0.001), 2),
            "small: wall s": small[name]["look"]["s"],
            "busy: wall s": busy[name]["look"]["s"],
            "small: MB": small[name]["look"]["MB"],
            "busy: MB": busy[name]["look"]["MB"],
        }
        for name in busy
    ]


def _on_a_day(events: int) -> dict[str, dict[str, dict[str, float]]]:
    names = [name for name in MAKERS if name != "user_features of a day"]
    with tempfile.TemporaryDirectory(prefix="salesinsights-bench-") as folder:
        alone(fill, folder, events)
        whole = {name: alone(_make, folder, name) for name in names}
        alone(grow, folder, 0, FIRST_EVENTS)
        for name in names:
            alone(_make, folder, name)
        alone(grow, folder, FIRST_EVENTS, LOOK_EVENTS)
        return {name: {"whole": whole[name], "look": alone(_make, folder, name)} for name in names}


def fill(folder: str, events: int) -> dict[str, object]:
    """Write a busy day to silver, and its buyers; the events for the refreshes are kept beside the lake."""
    lake = Lake(folder)
    kept = BusyDay(events, FIRST_EVENTS + LOOK_EVENTS).fill(lake)
    kept.write_parquet(_kept(folder))
    rebuild_gold(lake, [CUSTOMER_DAYS], [DAY], 45)
    return {"MB": peak_mb()}


def grow(folder: str, start: int, count: int) -> dict[str, object]:
    """Append `count` of the kept events, as a batch."""
    lake = Lake(folder)
    silver = lake.table(SILVER_EVENTS)
    number = (silver.progress(BATCH_NUMBER) or 0) + 1
    some = pl.read_parquet(_kept(folder)).slice(start, count).with_columns(batch=pl.lit(number, pl.Int64))
    silver.append(some, {BATCH_NUMBER: number})
    rebuild_gold(lake, [CUSTOMER_DAYS], [DAY], 45)
    return {}


def _kept(folder: str) -> Path:
    return Path(folder) / "kept.parquet"


def _make(folder: str, name: str) -> dict[str, float]:
    lake, (layout, make) = Lake(folder), MAKERS[name]
    begun, used = time.perf_counter(), time.process_time()
    make(lake)
    seconds, cpu = round(time.perf_counter() - begun, 2), round(time.process_time() - used, 2)
    return {"s": seconds, "CPU s": cpu, "MB": peak_mb(), "rows": lake.table(layout).rows}
