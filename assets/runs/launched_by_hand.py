"""Whether a person launched a run in the UI: such a run makes and reports everything that was selected.

Add here: how such a run is recognized. Not here: what it makes.
"""

import dagster as dg

AUTOMATED = "dagster/from_automation_condition"
"""The tag of runs launched by declarative automation."""

DAGSTERS_OWN = "__"
"""Prefix of the name of Dagster's own job, which runs a selection of assets or a backfill."""


def is_by_hand(context: dg.AssetExecutionContext) -> bool:
    """Whether a person selected the run's assets in the UI, or launched a backfill that the run is part of."""
    return context.job_name.startswith(DAGSTERS_OWN) and AUTOMATED not in context.run.tags
