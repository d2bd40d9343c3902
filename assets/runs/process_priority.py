"""Who yields the processor: runs that are not on a payment's way to the screen.

Add here: what makes a run yield. Not here: a run.
"""

import os

import dagster as dg

from assets.runs.launched_by_hand import AUTOMATED

NICENESS = 10

YIELDING = {"dagster/backfill", AUTOMATED}
"""The tags by which the daemon's backfills, and what follows gold in its own time, are known."""


def yield_to_stream(context: dg.AssetExecutionContext) -> None:
    """Let the live stream go first from here on, in the process of such a run; nothing in any other run."""
    if YIELDING & context.run.tags.keys():
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
