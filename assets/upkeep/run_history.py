"""Dagster's own history: runs pile up at 2,880 a day, and under SQLite each has its own database file.

Add here: what of Dagster's history may go. Not here: the lake's files (`lake_files`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg

KEPT = {
    dg.DagsterRunStatus.SUCCESS: timedelta(days=2),
    dg.DagsterRunStatus.FAILURE: timedelta(days=14),
    dg.DagsterRunStatus.CANCELED: timedelta(days=14),
}
"""How long a run is kept, by how it ended."""


def prune_runs(instance: dg.DagsterInstance, now: datetime, at_most: int) -> int:
    """Delete runs that are older than KEPT allows, oldest first, no more than `at_most`; return how many were deleted.

    A run that holds the newest materialization of an asset or partition stays: without it the UI would show that as
    missing. If more runs than `at_most` are too old, the next call deletes more; else it finds nothing.
    """
    needed = runs_of_newest_events(instance)
    deleted = 0
    for status, age in KEPT.items():
        older = dg.RunsFilter(statuses=[status], created_before=now - age)
        for record in instance.get_run_records(older, limit=at_most + len(needed), ascending=True):
            if record.dagster_run.run_id not in needed and deleted < at_most:
                _delete(instance, record.dagster_run.run_id)
                deleted += 1
    return deleted


def runs_of_newest_events(instance: dg.DagsterInstance) -> set[str]:
    """The runs that hold the newest materialization of any asset, or of any partition of one."""
    runs: set[str] = set()
    for key in instance.all_asset_keys():
        last = instance.get_latest_materialization_event(key)
        newest = instance.event_log_storage.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        runs.update(_runs_of(instance, key, sorted(newest.values())), [last.run_id] if last else [])
    return runs


def _runs_of(instance: dg.DagsterInstance, key: dg.AssetKey, ids: Sequence[int], at_once: int = 500) -> set[str]:
    runs: set[str] = set()
    for start in range(0, len(ids), at_once):
        some = dg.AssetRecordsFilter(key, storage_ids=ids[start : start + at_once])
        runs.update(record.run_id for record in instance.fetch_materializations(some, limit=at_once).records)
    return runs


def _delete(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete the run, its logs, and its database file, which Dagster itself only empties."""
    instance.delete_run(run_id)
    instance.compute_log_manager.delete_logs(prefix=[run_id, "compute_logs"])
    for path in (Path(instance.root_directory) / "history" / "runs").glob(f"{run_id}.db*"):
        path.unlink(missing_ok=True)
