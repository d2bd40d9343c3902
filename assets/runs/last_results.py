"""Repeats the last result of each check that a run planned but did not evaluate.

Dagster plans every check of the selected assets, and shows a planned check without a result as if it had never run.
Add here: what stands in for a result. Not here: a check (`stream.checks`).
"""

from collections.abc import Iterator

import dagster as dg
from dagster._core.storage.asset_check_execution_record import COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES

Happened = dg.AssetMaterialization | dg.MaterializeResult | dg.AssetCheckEvaluation

OF_RUN = "of_run"
"""Metadata of a repeated result: the run that it comes from."""


def with_last_results(context: dg.AssetExecutionContext, happened: Iterator[Happened]) -> Iterator[Happened]:
    """All of `happened`, then the last result, if any, of each planned check that is not in it."""
    left = set(context.selected_asset_check_keys)
    for event in happened:
        if isinstance(event, dg.AssetCheckEvaluation):
            left.discard(event.asset_check_key)
        yield event
    for key in sorted(left):
        yield from _last_result(context.instance, key)


def _last_result(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> Iterator[dg.AssetCheckEvaluation]:
    came_out = COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES
    for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=1, status=came_out):
        last = record.evaluation
        if last is not None:
            metadata: dict[str, dg.MetadataValue] = {OF_RUN: dg.MetadataValue.text(record.run_id), **last.metadata}
            yield dg.AssetCheckEvaluation(
                key.asset_key, key.name, last.passed, metadata, severity=last.severity, description=last.description
            )
