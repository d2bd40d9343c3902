"""The upkeep assets: what keeps a system small that runs for years. Each shows what it saved.

Add here: a chore's page in the UI. Not here: the chores (`lake_files`, `run_history`), or when they run (`sensors`).
"""

import dagster as dg

from assets.runs.clock import Clock
from assets.tables.asset_specs import OWNERS
from assets.upkeep.lake_files import keep_up
from assets.upkeep.run_history import prune_runs
from resources.lake import Lake

RUNS_AT_ONCE = 2_000


def _spec(name: str, description: str) -> dg.AssetSpec:
    return dg.AssetSpec(["upkeep", name], description=description, group_name="upkeep", owners=OWNERS, kinds={"python"})


LAKE_FILES = _spec(
    "lake_files",
    "Merges closed days into few files, writes checkpoints, shortens logs, deletes unneeded files. Changes no row.",
)
RUN_HISTORY = _spec(
    "run_history",
    "Deletes Dagster's runs that are older than two days (failed or canceled ones: fourteen), except those that hold "
    "the newest materialization of an asset or partition.",
)


@dg.multi_asset(name="lake_files", specs=[LAKE_FILES])
def lake_files(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], clock: dg.ResourceParam[Clock]
) -> dg.MaterializeResult:
    """Keep every table of the lake small."""
    cares = []
    for care in keep_up(lake, clock.now()):
        cares.append(care)
        context.log.info(f"{care.table}: {care.files_before} files, now {care.files_after}; {care.deleted} deleted")
    records = [dg.TableRecord(vars(care)) for care in cares]
    return dg.MaterializeResult(
        metadata={
            "files": sum(care.files_after for care in cares),
            "files_saved": sum(care.files_before - care.files_after for care in cares),
            "files_deleted": sum(care.deleted for care in cares),
            "tables": dg.MetadataValue.table(records),
        }
    )


@dg.multi_asset(name="run_history", specs=[RUN_HISTORY])
def run_history(context: dg.AssetExecutionContext, clock: dg.ResourceParam[Clock]) -> dg.MaterializeResult:
    """Delete old runs from Dagster's history."""
    deleted = prune_runs(context.instance, clock.now(), RUNS_AT_ONCE)
    return dg.MaterializeResult(metadata={"runs_deleted": deleted, "runs": context.instance.get_runs_count()})
