"""The jobs that sensors and schedules start.

Add here: a job. Not here: what it makes (`assets`), or when it is started (the sensor's own module).
"""

from collections.abc import Mapping

import dagster as dg

from assets.customers.clv_checks import CHECKS as CUSTOMER_CHECKS
from assets.gold.restatements_asset import CHECKS as RESTATEMENT_CHECKS
from assets.intake.input_folder import publish_input_files
from assets.stream.stream_assets import CHECKS, STREAMED
from assets.tables import BRONZE_ARCHIVE_MONTHS
from assets.tables.asset_specs import key_of
from assets.upkeep.proof_checks import REBUILD_PROOF
from assets.upkeep.upkeep_assets import LAKE_FILES, RUN_HISTORY
from resources.table_layout import TableLayout
from sensors.customer_automation import CADENCES


def _alone(*keys: dg.AssetKey) -> dg.AssetSelection:
    """These assets without their checks: a check that a job plans and then skips would hide its last result."""
    return dg.AssetSelection.assets(*keys).without_checks()


def _checks(named: Mapping[str, tuple[TableLayout, object]]) -> dg.AssetSelection:
    return dg.AssetSelection.checks(*(dg.AssetCheckKey(key_of(layout), name) for name, (layout, _) in named.items()))


STREAM = dg.define_asset_job(
    "stream",
    selection=_alone(*map(key_of, STREAMED)) | _checks(CHECKS),
    description="One run of the stream: reads the backlog from Kafka through bronze and silver to gold.",
    executor_def=dg.in_process_executor,
    # With workers on several machines it has a queue of its own; and it is the sensor that starts it again.
    tags={"salesinsights/kind": "stream", "dagster-celery/queue": "stream", "dagster/max_retries": "0"},
)

ARCHIVE = dg.define_asset_job(
    "archive",
    selection=_alone(key_of(BRONZE_ARCHIVE_MONTHS)),
    description="Loads a month of history from its file into bronze, silver and gold.",
    executor_def=dg.in_process_executor,
    tags={"salesinsights/kind": "archive"},
)

UPKEEP = dg.define_asset_job(
    "upkeep",
    selection=dg.AssetSelection.assets(LAKE_FILES.key, RUN_HISTORY.key),
    description="Keeps the lake and Dagster's history small.",
    executor_def=dg.in_process_executor,
    tags={"salesinsights/kind": "upkeep"},
)

PROOF = dg.define_asset_job(
    "proof",
    selection=dg.AssetSelection.assets(REBUILD_PROOF.key),
    description="Rebuilds recently changed closed days in memory, and compares silver and gold with them row by row.",
    executor_def=dg.in_process_executor,
    tags={"salesinsights/kind": "proof"},
)

CUSTOMERS = dg.define_asset_job(
    "customers",
    selection=_alone(*CADENCES) | _checks({**CUSTOMER_CHECKS, **RESTATEMENT_CHECKS}),
    description="Runs by hand what the sensor `customers` runs by itself: all that follows gold at its own pace.",
    executor_def=dg.in_process_executor,
    tags={"salesinsights/kind": "customers"},
)


@dg.job(
    name="publish",
    description="Publishes the CSV files of the input folder to Kafka, each exactly once.",
    executor_def=dg.in_process_executor,
    tags={"salesinsights/kind": "publish"},
)
def PUBLISH() -> None:  # noqa: N802
    publish_input_files()
