"""The sensor that watches the input folder.

Add here: what decides whether files are published. Not here: publishing (`assets.intake.input_folder`).
"""

import time

import dagster as dg

from assets.intake.input_folder import Inbox
from sensors.in_flight import run_in_flight
from sensors.jobs import PUBLISH


@dg.sensor(
    name="input_folder",
    job=PUBLISH,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Publishes each CSV file in the input folder, once it has stopped growing.",
)
def input_sensor(context: dg.SensorEvaluationContext, inbox: dg.ResourceParam[Inbox]) -> dg.RunRequest | dg.SkipReason:
    """One run for all complete files."""
    running = run_in_flight(context.instance, PUBLISH.name)
    if running:
        return dg.SkipReason(f"run {running} is still publishing")
    now = time.time()
    if inbox.folder.ready(now):
        return dg.RunRequest()
    others = "; ".join(f"{name}: {why}" for name, why in inbox.folder.waiting(now).items())
    return dg.SkipReason(f"no complete CSV file in {inbox.folder.path}" + (f". Not taken: {others}" if others else ""))
