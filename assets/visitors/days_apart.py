"""Whole days of what visitors do, computed in tasks on whatever machine, and taken in here in one commit.

All tasks read the version of silver that the commit says the days show; what silver gets meanwhile comes with the next
refresh.
Add here: what a task does with such days, and how its rows get into a table. Not here: which days are due
(`daily_tables`), or what is computed (`whole_days`).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import polars as pl

from assets.tables import SILVER_EVENTS, VISITOR_TABLES
from assets.visitors.whole_days import whole_days
from resources.drafts import check_reachable, drafts_in, lake_at, write_draft
from resources.engine import Engine
from resources.lake import Lake
from resources.lake_errors import ConcurrentCommitError, VersionGoneError
from resources.lake_table import LakeTable
from resources.prefetch import prefetched
from resources.scratch import scratch_folder
from resources.stand_in import exchange, join, stand_in, until_exchanged
from resources.table_files import file_marks

TASK_DAYS = 7
"""Neighbouring days that are a task: for sessions, each task also reads the day after its own."""


def compute_in_tasks(
    engine: Engine, lake: Lake, table: LakeTable, silver: LakeTable, days: Sequence[date], progress: Mapping[str, int]
) -> None:
    """Replace the table's rows of these days by those of this version of silver, and set `progress`, in one commit.

    `table` was loaded before `silver`. Raises ConcurrentCommitError if silver's version is no longer kept, or if
    another run changed what the table shows: begin again.
    """
    check_reachable(lake)
    layout = table.layout
    with scratch_folder("stand-in-drafts", lake.scratch) as folder:
        work = partial(compute_apart, lake.root, str(folder), layout.name, silver.version)
        drafts = drafts_in(folder, layout, engine.run(work, list(_tasks(days))))
        with stand_in(lake, layout) as other:
            join(other, drafts, {})

            def take_place() -> bool:
                now = lake.table(layout)
                if now.fence != table.fence or _state(now, days, progress) != _state(table, days, progress):
                    return False
                exchange(now, other, days, progress)
                return True

            until_exchanged(take_place, layout)


def compute_apart(root: str, folder: str, name: str, version: int, tasks: Sequence[Sequence[date]]) -> pl.DataFrame:
    """Compute these days of the table `name` from a version of silver into new drafts; returns a REPORT.

    What a task does. Raises ConcurrentCommitError if the version is no longer kept, LakeError if this machine does not
    see the lake.
    """
    (layout,) = (layout for layout in VISITOR_TABLES if layout.name == name)
    try:
        silver = lake_at(root, SILVER_EVENTS).table(SILVER_EVENTS, version)
    except VersionGoneError as gone:
        raise ConcurrentCommitError(f"{gone}: run it again") from gone
    reports = (write_draft(Path(folder), layout, prefetched(whole_days(silver, layout, days))) for days in tasks)
    return pl.concat(reports)


def _state(table: LakeTable, days: Sequence[date], names: Mapping[str, int]) -> tuple[object, ...]:
    """What no other run may have changed: the files of these days, and this progress."""
    return file_marks(table, days), *(table.progress(name) for name in names)


def _tasks(days: Sequence[date]) -> Iterator[list[date]]:
    """The days in runs of neighbours, TASK_DAYS at most."""
    task: list[date] = []
    for day in sorted(days):
        if task and (len(task) == TASK_DAYS or day - task[-1] > timedelta(days=1)):
            yield task
            task = []
        task.append(day)
    if task:
        yield task
