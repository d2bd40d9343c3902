"""The schedule on which customer value follows gold.

Add here: when customer assets run. Not here: what they hold (`assets.customer_value`).
"""

import dagster as dg

from assets.behaviour import any_stale
from assets.customers.customer_value import customer_value_is_behind
from resources.lake import Lake
from sensors.jobs import CUSTOMERS


@dg.schedule(
    name="customer_value_every_five_minutes",
    job=CUSTOMERS,
    cron_schedule="*/5 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def customer_schedule(lake: dg.ResourceParam[Lake]) -> dg.RunRequest | dg.SkipReason:
    """Every five minutes, if anything happened since."""
    if customer_value_is_behind(lake) or any_stale(lake):
        return dg.RunRequest()
    return dg.SkipReason("nothing happened since")
