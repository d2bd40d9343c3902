"""The asset of audiences: it follows customers, carts and purchases within minutes.

Add here: what Dagster is told about it. Not here: how members are found (`audiences`).
"""

from collections import Counter

import dagster as dg

from assets.customers.audience import AudienceFile
from assets.customers.audiences import refresh_audiences
from assets.runs.clock import Clock
from assets.runs.process_priority import yield_to_stream
from assets.tables import AUDIENCE_MEMBERS
from assets.tables.asset_specs import spec_of
from resources.lake import Lake


@dg.multi_asset(name="audience_members", specs=[spec_of(AUDIENCE_MEMBERS)])
def audience_members(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    clock: dg.ResourceParam[Clock],
    audience_file: dg.ResourceParam[AudienceFile],
) -> dg.MaterializeResult:
    """Find who is in each audience of `audiences.toml`."""
    yield_to_stream(context)
    audiences = audience_file.read()
    rows = refresh_audiences(lake, audiences, clock.now())
    members = Counter(lake.table(AUDIENCE_MEMBERS).read(columns=["audience"])["audience"])
    sizes = {name: members[name] for name in audiences}
    return dg.MaterializeResult(metadata={"dagster/row_count": rows, "members": dg.MetadataValue.json(sizes)})
