"""What follows gold on its own cadence: customer_value, from customer_days, and the restatements of product_sales.

Add here: what Dagster is told about them. Not here: the measures (`customer_value.sql`), or when they run (`sensors`).
"""

import dagster as dg

from assets.catalog import spec_of
from assets.gold import refresh_customer_value
from assets.restatements import record_restatements
from assets.tables import CUSTOMER_VALUE, RESTATEMENTS
from assets.upkeep_assets import Clock
from resources.lake import Lake


@dg.multi_asset(name="customer_value", specs=[spec_of(CUSTOMER_VALUE)])
def customer_value(lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:
    """Compute every buyer's value anew."""
    buyers = refresh_customer_value(lake)
    return dg.MaterializeResult(metadata={"dagster/row_count": buyers})


@dg.multi_asset(name="restatements", specs=[spec_of(RESTATEMENTS)])
def restatements(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], clock: dg.ResourceParam[Clock]
) -> dg.MaterializeResult:
    """Compare product_sales with what it said at the last look."""
    look = record_restatements(lake, clock.now())
    if not look.is_complete:
        context.log.warning("the version of the last look is gone: what changed since then is not known")
    rows = lake.table(RESTATEMENTS).rows
    return dg.MaterializeResult(metadata={**vars(look), "dagster/row_count": rows})
