"""The schedule of upkeep.

Add here: when a chore is done. Not here: the chore (`assets.upkeep_assets`).
"""

import dagster as dg

from sensors.jobs import UPKEEP

upkeep_schedule = dg.ScheduleDefinition(
    name="upkeep_every_hour",
    job=UPKEEP,
    cron_schedule="17 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Keeps the lake's files, its logs and Dagster's history small.",
)
