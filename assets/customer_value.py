"""The customer_value asset: every buyer's value, from customer_days, on its own cadence.

Add here: what Dagster is told about it. Not here: the measures (`customer_value.sql`), or when it runs (`sensors`).
"""

import dagster as dg

from assets.catalog import spec_of
from assets.gold import refresh_customer_value
from assets.tables import CUSTOMER_VALUE
from resources.lake import Lake


@dg.multi_asset(name="customer_value", specs=[spec_of(CUSTOMER_VALUE)])
def customer_value(lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:
    """Compute every buyer's value anew."""
    buyers = refresh_customer_value(lake)
    return dg.MaterializeResult(metadata={"dagster/row_count": buyers})
