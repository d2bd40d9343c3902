"""The schedules of upkeep: chores every hour, the proof every night.

Add here: when a chore is done. Not here: the chore (`assets.upkeep.upkeep_assets`).
"""

import dagster as dg

from sensors.jobs import PROOF, UPKEEP

upkeep_schedule = dg.ScheduleDefinition(
    name="upkeep_every_hour",
    job=UPKEEP,
    cron_schedule="17 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Keeps the lake's files, its logs and Dagster's history small.",
)

proof_schedule = dg.ScheduleDefinition(
    name="proof_every_night",
    job=PROOF,
    cron_schedule="40 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Proves that recently changed closed days hold the rows that a rebuild from bronze gives.",
)
