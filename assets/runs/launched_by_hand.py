"""Whether somebody chose in the UI what a run makes, so that each thing of it is to be made, and told of.

Add here: how such a run is known. Not here: what is made.
"""

import dagster as dg

AUTOMATED = "dagster/from_automation_condition"
"""The tag of what follows gold in its own time."""

DAGSTERS_OWN = "__"
"""How the name of Dagster's own job begins, in which a selection of assets runs, and a backfill of one."""


def is_by_hand(context: dg.AssetExecutionContext) -> bool:
    """Whether the run is of a selection that was launched in the UI, or part of a backfill of one."""
    return context.job_name.startswith(DAGSTERS_OWN) and AUTOMATED not in context.run.tags
