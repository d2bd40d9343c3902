"""The restatements asset: finds published windows that changed, as often as customer value is refreshed.

Add here: what Dagster is told about a look. Not here: what counts as a restatement (`restatements`).
"""

import inspect
from collections.abc import Iterator
from datetime import datetime

import dagster as dg

from assets.gold.restatements import record_restatements, restatements_complete
from assets.runs.clock import Clock
from assets.runs.process_priority import yield_to_stream
from assets.tables import RESTATEMENTS
from assets.tables.asset_specs import key_of, spec_of
from resources.lake import Lake

CHECKS = {"restatements_complete": (RESTATEMENTS, restatements_complete)}
"""Each check: the table whose page shows it, and the function whose docstring is its description."""


@dg.multi_asset(
    name="restatements",
    specs=[spec_of(RESTATEMENTS)],
    check_specs=[
        dg.AssetCheckSpec(name, asset=key_of(layout), description=inspect.getdoc(function))
        for name, (layout, function) in CHECKS.items()
    ],
    can_subset=True,
)
def restatements(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], clock: dg.ResourceParam[Clock]
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Compare product_sales with its version at the last look."""
    yield_to_stream(context)
    now = clock.now()
    if context.selected_asset_keys:
        yield _looked(context, lake, now)
    for check in context.selected_asset_check_keys:
        layout, function = CHECKS[check.name]
        verdict = function(lake, now)
        yield dg.AssetCheckResult(
            passed=verdict.passed, asset_key=key_of(layout), check_name=check.name, metadata=verdict.figures
        )


def _looked(context: dg.AssetExecutionContext, lake: Lake, now: datetime) -> dg.MaterializeResult:
    look = record_restatements(lake, now)
    if not look.is_complete:
        context.log.warning(
            "what the last look saw of product_sales is gone: restatements since then are unknown. "
            "The check restatements_complete names the time"
        )
    rows = lake.table(RESTATEMENTS).rows
    return dg.MaterializeResult(key_of(RESTATEMENTS), metadata={**vars(look), "dagster/row_count": rows})
