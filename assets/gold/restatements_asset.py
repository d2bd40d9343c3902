"""The restatements asset: finds published windows that changed, as often as customer value is refreshed.

Add here: what Dagster is told about a look. Not here: what counts as a restatement (`restatements`).
"""

import dagster as dg

from assets.gold.restatements import record_restatements
from assets.runs.clock import Clock
from assets.runs.process_priority import yield_to_stream
from assets.tables import RESTATEMENTS
from assets.tables.asset_specs import spec_of
from resources.lake import Lake


@dg.multi_asset(name="restatements", specs=[spec_of(RESTATEMENTS)])
def restatements(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], clock: dg.ResourceParam[Clock]
) -> dg.MaterializeResult:
    """Compare product_sales with its version at the last look."""
    yield_to_stream(context)
    look = record_restatements(lake, clock.now())
    if not look.is_complete:
        context.log.warning("the version of product_sales at the last look is gone: changes since then are unknown")
    rows = lake.table(RESTATEMENTS).rows
    return dg.MaterializeResult(metadata={**vars(look), "dagster/row_count": rows})
