"""The restatements asset: the published windows that changed, found on the cadence of customer value.

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
    """Compare product_sales with what it said at the last look."""
    yield_to_stream(context)
    look = record_restatements(lake, clock.now())
    if not look.is_complete:
        context.log.warning("the version of the last look is gone: what changed since then is not known")
    rows = lake.table(RESTATEMENTS).rows
    return dg.MaterializeResult(metadata={**vars(look), "dagster/row_count": rows})
