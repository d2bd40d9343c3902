"""The process of a run, noted in the run's tags: so a run is found whose process has ended without a word.

Dagster's code location tells of a run that dies while it lives itself. If both die, or the machine does, the run stays
started in Dagster's storage, and a sensor that waits for its end waits for hours.
Add here: how a process is named. Not here: what is done with such a run (`sensors.in_flight`).
"""

import platform

import dagster as dg
import psutil  # type: ignore[import-untyped]

PROCESS = "salesinsights/process"
"""The tag: the machine, the process, and when it began, in seconds since 1970."""


def note_process(context: dg.AssetExecutionContext) -> None:
    """Note this process as that of the run."""
    mine = psutil.Process()
    context.instance.add_run_tags(context.run.run_id, {PROCESS: f"{platform.node()}/{mine.pid}/{mine.create_time()}"})


def has_vanished(run: dg.DagsterRun) -> bool:
    """Whether the run's process has ended; False if it is on another machine, or not noted."""
    machine, _, process = run.tags.get(PROCESS, "").partition("/")
    if not process or machine != platform.node():
        return False
    number, begun = process.split("/")
    try:
        found = psutil.Process(int(number))
        # A zombie has ended; its parent has only not taken note of it.
        return abs(found.create_time() - float(begun)) > 1 or found.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
