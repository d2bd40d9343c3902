"""Data files that a power cut emptied or cut short: found, dropped, and their rows restored from what still has them.

Bronze comes from Kafka again, silver from bronze, gold from silver. Add here: how a table gets its rows back.
Not here: how bronze reads its messages again (`lost_messages`), logs and lost commits (`repair`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from functools import partial

import polars as pl

from assets.customers.customer_value import refresh_customer_value
from assets.customers.sales_outlook import clear_outlook
from assets.customers.segment_months import clear_segments
from assets.gold.gold import rebuild_gold
from assets.products.bought_together import refresh_bought_together
from assets.products.category_sales import refresh_category_sales
from assets.products.product_outlook import refresh_product_outlook
from assets.products.repurchases import refresh_repurchases
from assets.progress.rebuild_marks import finishing
from assets.silver.silver import rebuild_silver
from assets.tables import (
    ABANDONED_CARTS,
    BOUGHT_TOGETHER,
    BRONZE_EVENTS,
    CATEGORY_SALES_DAILY,
    COHORT_RETENTION,
    CUSTOMER_VALUE,
    DAILY,
    EXPECTED_SALES,
    PRODUCT_OUTLOOK,
    PROOFS,
    RECOVERED_CARTS,
    REPURCHASES,
    SALES_BACKTEST,
    SEGMENT_MOVES,
    SEGMENTS,
    SILVER_EVENTS,
    SILVER_PURCHASES,
    SILVER_QUARANTINE,
    TABLES,
    VISITOR_TABLES,
)
from assets.tables.table import Table
from assets.upkeep.lost_messages import LOST, Finding, OpenReader, restore_bronze
from assets.upkeep.repair_plan import Damage, begin_repair, damage_of, end_repair, unfinished_repair
from assets.visitors.abandoned_carts import clear_carts
from assets.visitors.cohort_retention import refresh_cohorts
from assets.visitors.daily_tables import refresh_days
from resources.lake import Lake


def broken_files(lake: Lake) -> dict[str, pl.DataFrame]:
    """The broken data files of each table: rows of `LakeTable.broken_files`."""
    # A file that is broken is looked at once more: its table may have been purged in between.
    suspects = {name: table for name, table in TABLES.items() if lake.table(table).broken_files().height}
    found = {name: lake.table(table).broken_files() for name, table in suspects.items()}
    return {name: files for name, files in found.items() if files.height}


def restore_files(lake: Lake, window_seconds: int, open_reader: OpenReader) -> Iterator[Finding]:
    """Drop broken files, and restore their rows; yield each file, and what is lost.

    Changes nothing if no file is broken. What is going to be dropped is written down first, so a repair that was killed
    is resumed by the next. Raises what reading Kafka raises.
    """
    plan = unfinished_repair(lake)
    for name, damage in plan.items():
        yield Finding(name, "resumed", f"a repair was cut short; restoring {len(damage.places)} files")
    for name, files in broken_files(lake).items():
        damage = damage_of(TABLES[name], files)
        plan[name] = plan[name].with_more(damage) if name in plan else damage
        for place in files["place"]:
            yield Finding(name, "broken_file", f"{place} is empty or cut short: dropped")
    if not plan:
        return
    begin_repair(lake, plan)
    for name, damage in plan.items():
        lake.table(TABLES[name]).drop_files(damage.places)
    yield from _restore(lake, plan, window_seconds, open_reader)
    end_repair(lake)


_FROM_BRONZE = (SILVER_EVENTS, SILVER_PURCHASES, SILVER_QUARANTINE)
"""Bronze itself is not among them: what it has lost for good, silver still has."""


def _refresh_days(table: Table, lake: Lake, days: Collection[date]) -> None:
    list(refresh_days(lake, table, days))


_RECOMPUTED: Mapping[str, Callable[[Lake], object]] = {
    CUSTOMER_VALUE.sql_name: refresh_customer_value,
    SEGMENTS.sql_name: clear_segments,
    SEGMENT_MOVES.sql_name: clear_segments,
    EXPECTED_SALES.sql_name: clear_outlook,
    SALES_BACKTEST.sql_name: clear_outlook,
    RECOVERED_CARTS.sql_name: clear_carts,
    ABANDONED_CARTS.sql_name: clear_carts,
    COHORT_RETENTION.sql_name: refresh_cohorts,
    PRODUCT_OUTLOOK.sql_name: refresh_product_outlook,
    BOUGHT_TOGETHER.sql_name: refresh_bought_together,
    REPURCHASES.sql_name: refresh_repurchases,
}
"""Tables that are computed from other tables. Cleared ones are by their next refresh."""

_OF_DAYS: Mapping[str, Callable[[Lake, Collection[date]], object]] = {
    **{table.sql_name: partial(_refresh_days, table) for table in VISITOR_TABLES},
    CATEGORY_SALES_DAILY.sql_name: refresh_category_sales,
}
"""Tables of which the damaged days are computed again."""

_RESTORED = {
    *_RECOMPUTED,
    *_OF_DAYS,
    *(table.sql_name for table in (BRONZE_EVENTS, *_FROM_BRONZE, *DAILY, PROOFS)),
}
"""Tables whose rows are not lost with their files; a day without a proof is proven again."""


def _restore(lake: Lake, plan: Mapping[str, Damage], window_seconds: int, open_reader: OpenReader) -> Iterator[Finding]:
    if BRONZE_EVENTS.sql_name in plan:
        yield from restore_bronze(lake, plan[BRONZE_EVENTS.sql_name], open_reader)
    silver, gold = (_days(plan, tables) for tables in (_FROM_BRONZE, DAILY))
    with finishing(lake, silver, rebuilds=1):
        if silver:
            rebuild_silver(lake, silver)
        rebuild_gold(lake, DAILY, sorted({*silver, *gold}), window_seconds)
    for name, compute in _OF_DAYS.items():
        if name in plan:
            compute(lake, plan[name].days)
    for name, recompute in _RECOMPUTED.items():
        if name in plan:
            recompute(lake)
    for name in plan.keys() - _RESTORED:
        yield Finding(name, LOST, "its rows can't be computed again: restore this table from a backup")


def _days(plan: Mapping[str, Damage], tables: Iterable[Table]) -> list[date]:
    """The damaged days of these tables."""
    return sorted(set[date]().union(*(plan[table.sql_name].days for table in tables if table.sql_name in plan)))
