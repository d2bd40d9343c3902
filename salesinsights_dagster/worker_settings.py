"""The settings of runs: how many at once, and where.

Add here: a setting of where runs are carried out. Not here: other settings (`settings`), or how (`workers`).
"""

from pydantic import Field
from pydantic_settings import BaseSettings

from salesinsights_dagster import setting_types as kinds


class WorkerSettings(BaseSettings):
    """The part of `Settings` that says where runs are carried out."""

    model_config = kinds.FROM_ENVIRONMENT

    backfill_runs: kinds.Count = Field(
        1,
        description="how many runs of backfills are carried out at once; beside them there are places for four other "
        "runs. A month needs 1.1 GB",
    )
    celery: kinds.CeleryBroker | None = Field(
        None,
        repr=False,
        description="through which runs reach workers on other machines: `redis://:PASSWORD@HOST:6379/0`, or "
        "`rediss://`, with the extra `salesinsights[celery]`; see [scale](scale.md#dagster-on-several-machines). With "
        "none, runs are processes of this machine",
    )


def wrong_workers(celery: str | None, dagster_db: str | None) -> str | None:
    """What is wrong with the settings of runs together, with the remedy; None if nothing is."""
    if celery and not dagster_db:
        return "SALESINSIGHTS_CELERY is set: set SALESINSIGHTS_DAGSTER_DB too, the database that all workers share"
    return None
