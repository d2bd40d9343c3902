"""Whether a job has a run that has not ended: this keeps a sensor from starting a second one.

Add here: a question about runs that several sensors ask. Not here: a sensor.
"""

from collections.abc import Sequence

import dagster as dg

from assets.runs.run_process import has_vanished

UNENDED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def runs_in_flight(instance: dg.DagsterInstance, job_name: str) -> Sequence[dg.RunRecord]:
    """The runs of the job that have not ended, newest first."""
    return instance.get_run_records(dg.RunsFilter(job_name=job_name, statuses=UNENDED), limit=10)


def alive(instance: dg.DagsterInstance, runs: Sequence[dg.RunRecord]) -> Sequence[dg.RunRecord]:
    """Those of these runs whose process has not ended without a word; the others are reported as failed."""
    vanished = [record for record in runs if has_vanished(record.dagster_run)]
    for record in vanished:
        instance.report_run_failed(record.dagster_run, "The process of this run has ended without a word.")
    return [record for record in runs if record not in vanished]


def run_in_flight(instance: dg.DagsterInstance, job_name: str) -> str | None:
    """The short id of a run of the job that has not ended, if there is one."""
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=UNENDED), limit=1)
    return runs[0].run_id[:8] if runs else None
