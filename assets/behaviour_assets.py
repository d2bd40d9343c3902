"""The behaviour assets: their days follow silver on a cadence of their own.

They have no partitions in Dagster, unlike their tables: a run without a partition, as a schedule starts it, can't make
assets that are all partitioned once their source is. A day whose events changed is computed anew in any case.
Add here: what Dagster is told about them. Not here: how they follow (`behaviour`), or when (`sensors`).
"""

from collections.abc import Iterator

import dagster as dg

from assets.behaviour import follow_silver
from assets.catalog import key_of, spec_of
from assets.tables import BEHAVIOUR
from resources.lake import Lake


@dg.multi_asset(name="behaviour", specs=[spec_of(layout) for layout in BEHAVIOUR], can_subset=True)
def behaviour(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> Iterator[dg.MaterializeResult]:
    """Compute the days anew whose events changed."""
    for layout in BEHAVIOUR:
        if key_of(layout) in context.selected_asset_keys:
            days = [day for some in follow_silver(lake, layout) for day in some]
            metadata = {"dagster/row_count": lake.table(layout).rows, "days": len(days)}
            yield dg.MaterializeResult(key_of(layout), metadata=metadata)
