"""The assets about products: they follow the purchases once an hour.

Add here: what Dagster is told about them. Not here: how they follow (the module of each table), or when (`sensors`).
"""

import dagster as dg

from assets.products.bought_together import refresh_bought_together
from assets.products.repurchases import refresh_repurchases
from assets.runs.process_priority import yield_to_stream
from assets.tables import BOUGHT_TOGETHER, REPURCHASES
from assets.tables.asset_specs import spec_of
from resources.lake import Lake


@dg.multi_asset(name="bought_together", specs=[spec_of(BOUGHT_TOGETHER)])
def bought_together(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:
    """Recompute which products are bought together."""
    yield_to_stream(context)
    return dg.MaterializeResult(metadata={"dagster/row_count": refresh_bought_together(lake)})


@dg.multi_asset(name="repurchases", specs=[spec_of(REPURCHASES)])
def repurchases(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:
    """Recompute how soon products are bought again."""
    yield_to_stream(context)
    return dg.MaterializeResult(metadata={"dagster/row_count": refresh_repurchases(lake)})
