"""What a run planned and has nothing to say of: a check keeps its last result, the ledger its last word.

Dagster's UI plans every check of what it is asked to make, and shows one that is planned and then skipped as if it had
never come out. Add here: what stands in for a result. Not here: a check (`stream.checks`).
"""

from collections.abc import Iterator

import dagster as dg
from dagster._core.storage.asset_check_execution_record import COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES

Happened = dg.AssetMaterialization | dg.MaterializeResult | dg.AssetCheckEvaluation

OF_RUN = "of_run"
"""The metadata of a repeated result: the run that had it."""


def with_last_results(context: dg.AssetExecutionContext, happened: Iterator[Happened]) -> Iterator[Happened]:
    """All that happened, and then the last result of each planned check that did not come out; none if it never did."""
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
