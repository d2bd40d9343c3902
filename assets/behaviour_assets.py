"""The behaviour assets: their days follow silver on a cadence of their own.

Add here: what Dagster is told about them. Not here: how they follow (`behaviour`), or when (`sensors`).
"""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from assets.behaviour import follow_silver
from assets.catalog import key_of, spec_of
from assets.changed_days import rows_per_day
from assets.tables import BEHAVIOUR
from resources.lake import Lake


@dg.multi_asset(
    name="behaviour",
    specs=[spec_of(layout) for layout in BEHAVIOUR],
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def behaviour(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> Iterator[dg.AssetMaterialization]:
    """Without partitions: the days whose events changed. With partitions: those days anew."""
    is_asked = context.has_partition_key or context.has_partition_key_range
    days = [date.fromisoformat(key) for key in context.partition_keys] if is_asked else None
    for layout in BEHAVIOUR:
        if key_of(layout) not in context.selected_asset_keys:
            continue
        for done in follow_silver(lake, layout, days):
            rows = rows_per_day(lake.table(layout))
            for day in done:
                metadata = {"dagster/row_count": rows.get(day, 0)}
                yield dg.AssetMaterialization(key_of(layout), metadata=metadata, partition=day.isoformat())
