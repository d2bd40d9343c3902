"""What the tables of visitors and customers cost on months of history: seconds and memory, at once and after a batch.

Each figure is from a process of its own. Add here: a table that follows in its own time. Not here: what a payment waits
meanwhile (`beside`), or many more buyers than a history has (`customers`).
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from assets.abandoned_carts import refresh_carts
from assets.behaviour import follow_silver
from assets.cohort_retention import refresh_cohorts
from assets.customers.clv_model import refit
from assets.customers.customer_value import refresh_customer_value
from assets.customers.options import CartRule, ClvOptions
from assets.tables import (
    ABANDONED_CARTS,
    CLV_MODEL,
    COHORT_RETENTION,
    CUSTOMER_VALUE,
    FUNNEL_DAILY,
    SESSIONS,
    USER_DAYS,
    USER_FEATURES,
)
from assets.user_features import make_features
from benchmarks.alone import alone, peak_mb
from benchmarks.flatness import BATCH, Bench
from resources.lake import Lake, TableLayout

AFTER = datetime(2020, 3, 1, 12, tzinfo=UTC)
"""When the batch comes: on the day after the history."""
LAST_DAY = date(2020, 2, 29)

MAKERS: Mapping[str, tuple[TableLayout, Callable[[Lake], object]]] = {
    "funnel_daily": (FUNNEL_DAILY, lambda lake: list(follow_silver(lake, FUNNEL_DAILY))),
    "user_days": (USER_DAYS, lambda lake: list(follow_silver(lake, USER_DAYS))),
    "silver/sessions": (SESSIONS, lambda lake: list(follow_silver(lake, SESSIONS))),
    "abandoned_carts": (ABANDONED_CARTS, lambda lake: refresh_carts(lake, CartRule())),
    "cohort_retention": (COHORT_RETENTION, refresh_cohorts),
    "clv_model, with the holdout": (CLV_MODEL, lambda lake: refit(lake, ClvOptions(), AFTER)),
    "customer_value": (CUSTOMER_VALUE, refresh_customer_value),
    "user_features of a day": (USER_FEATURES, lambda lake: make_features(lake, LAST_DAY)),
}
"""In the order in which they need each other."""


def run(rows: int) -> list[dict[str, object]]:
    """A line a table."""
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
                "s at once": first[name]["s"],
                "MB": first[name]["MB"],
                f"s after a batch of {BATCH:,}": second[name]["s"],
            }
            for name in MAKERS
        ]


def _make(folder: str, name: str) -> dict[str, object]:
    lake, (layout, make) = Lake(folder), MAKERS[name]
    begun = time.perf_counter()
    make(lake)
    seconds = round(time.perf_counter() - begun, 2)
    return {"s": seconds, "MB": peak_mb(), "rows": lake.table(layout).rows}
