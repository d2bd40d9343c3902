"""The assets about what visitors do: they follow silver on their own schedule.

They have no partitions in Dagster, unlike their tables: automation starts runs without a partition, and these can't
make assets that are all partitioned if their source is. Each run refreshes all days whose events changed anyway.
Add here: what Dagster is told about them. Not here: how they follow (the module of each table), or when (`sensors`).
"""

from collections.abc import Iterator
from contextlib import nullcontext

import dagster as dg

from assets.runs.process_priority import yield_to_stream
from assets.runs.workers import Workers
from assets.tables import ABANDONED_CARTS, COHORT_RETENTION, RECOVERED_CARTS, VISITOR_TABLES
from assets.tables.asset_specs import key_of, spec_of
from assets.visitors.abandoned_carts import refresh_carts
from assets.visitors.cart_rule import CartRule
from assets.visitors.cohort_retention import refresh_cohorts
from assets.visitors.daily_tables import refresh_days
from resources.lake import Lake


@dg.multi_asset(name="visitor_tables", specs=[spec_of(layout) for layout in VISITOR_TABLES], can_subset=True)
def visitor_tables(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], workers: dg.ResourceParam[Workers]
) -> Iterator[dg.MaterializeResult]:
    """Refresh the days whose events changed."""
    yield_to_stream(context)
    with workers.engine.kept() if workers.engine else nullcontext():
        for layout in VISITOR_TABLES:
            if key_of(layout) in context.selected_asset_keys:
                days = [day for some in refresh_days(lake, layout, engine=workers.engine) for day in some]
                metadata = {"dagster/row_count": lake.table(layout).rows, "days": len(days)}
                yield dg.MaterializeResult(key_of(layout), metadata=metadata)


@dg.multi_asset(
    name="abandoned_carts", specs=[spec_of(layout) for layout in (ABANDONED_CARTS, RECOVERED_CARTS)], can_subset=True
)
def abandoned_carts(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], cart_rule: dg.ResourceParam[CartRule]
) -> Iterator[dg.MaterializeResult]:
    """Recompute what lies in abandoned carts, and what was bought after all: both at once, whichever was selected."""
    yield_to_stream(context)
    refresh_carts(lake, cart_rule)
    for layout, column in ((ABANDONED_CARTS, "cart_value"), (RECOVERED_CARTS, "revenue")):
        if key_of(layout) not in context.selected_asset_keys:
            continue
        money = lake.table(layout).read(columns=[column])[column]
        yield dg.MaterializeResult(
            key_of(layout), metadata={"dagster/row_count": money.len(), column: str(money.sum())}
        )


@dg.multi_asset(name="cohort_retention", specs=[spec_of(COHORT_RETENTION)])
def cohort_retention(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:
    """Recompute who came back, month by month."""
    yield_to_stream(context)
    return dg.MaterializeResult(metadata={"dagster/row_count": refresh_cohorts(lake)})
