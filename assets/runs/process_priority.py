"""Lowers the CPU priority of runs other than the stream.

Add here: which runs yield. Not here: a run.
"""

import os

import dagster as dg

from assets.runs.launched_by_hand import AUTOMATED

NICENESS = 10

YIELDING = {"dagster/backfill", AUTOMATED}
"""The tags of backfills and of runs launched by declarative automation."""


def yield_to_stream(context: dg.AssetExecutionContext) -> None:
    """If the run has a tag of YIELDING, let the stream go first: set this process to NICENESS."""
    if YIELDING & context.run.tags.keys():
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
