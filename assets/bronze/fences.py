"""Fences, by which a user is forgotten while everything else goes on.

A fence refuses each commit whose writer loaded the table before it. Whoever forgets a user

1. puts the user on the list, and then a fence in bronze: every later commit there has left the user's events out;
2. removes the rows from bronze, then puts a fence in bronze and in what is made from it: every later commit there comes
   from a bronze without the user. The same for each table after it, once its sources are clean.

A writer does its part by loading tables before their sources, and by reading again after a conflict. Rows that it holds
in memory across a conflict carry the number of bronze's fence, and are read again if that has moved.
Add here: what holds for all that a fence protects. Not here: how a fence refuses (`resources.fence`).
"""

from assets.tables import BRONZE_ARCHIVE_MONTHS, BRONZE_EVENTS, SILVER_BATCHES, SILVER_EVENTS, SILVER_QUARANTINE
from resources.lake import Lake
from resources.lake_errors import FencedOffError, again_on_conflict
from resources.lake_table import LakeTable
from resources.table_layout import TableLayout

FROM_BRONZE = (BRONZE_ARCHIVE_MONTHS, SILVER_QUARANTINE, SILVER_BATCHES, SILVER_EVENTS)
"""The tables that are written from rows of bronze."""


def fence_off(lake: Lake, *layouts: TableLayout) -> None:
    """Put up a fence in bronze if it is among these tables; then one of bronze's number in each of the others."""
    number = again_on_conflict(lambda: _next_in_bronze(lake)) if BRONZE_EVENTS in layouts else bronze_fence(lake)
    for layout in layouts:
        if layout is not BRONZE_EVENTS:
            again_on_conflict(lambda: _fence_off(lake.table(layout), number))  # noqa: B023


def _next_in_bronze(lake: Lake) -> int:
    bronze = lake.table(BRONZE_EVENTS)
    bronze.fence_off(bronze.fence + 1)
    return bronze.fence


def _fence_off(table: LakeTable, number: int) -> None:
    table.fence_off(max(table.fence, number))


def bronze_fence(lake: Lake) -> int:
    """The number of bronze's newest fence."""
    return lake.table(BRONZE_EVENTS).fence


def check_fence(lake: Lake, fence: int) -> None:
    """Raises FencedOffError if bronze has another fence: rows read under this one may be a forgotten user's.

    Load the table that the rows are going to before.
    """
    if bronze_fence(lake) != fence:
        raise FencedOffError("a user is being forgotten: run it again")
