"""Hands runs to Celery: dagster-celery's launcher, which also finds out that a worker has died.

Without that, a run whose worker was killed stays started for two hours: Celery goes on to call its task started, and
dagster-celery believes it. Here the worker itself is asked. Dagster's run monitoring then lets another worker go on
with the same run.
Add here: what Dagster asks a launcher. Not here: what a worker does (`app`).
"""

from typing import Any

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, ResumeRunContext, WorkerStatus
from dagster._grpc.types import ResumeRunArgs
from dagster._serdes import pack_value
from dagster_celery.config import TASK_RESUME_JOB_NAME
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from dagster_celery.tasks import create_resume_job_task

from salesinsights_dagster.workers.celery_options import OPTIONS

MISSED_LOOKS = 3
"""After how many looks without an answer a worker has died; run monitoring looks every ten seconds."""

ANSWER_SECONDS = 3.0
"""How long a look waits for the worker's answer."""


class WorkerLauncher(CeleryRunLauncher):
    """Starts a run as a task of Celery, and tells whether the worker that took it still has it."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.celery.conf.update(OPTIONS)
        self._missed = dict[str, int]()

    def terminate(self, run_id: str) -> bool:
        """Ask the run's process to end. Said to Dagster first: it calls an end that nobody asked for a failure."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return False
        self._instance.report_run_canceling(run)
        return bool(super().terminate(run_id))

    def resume_run(self, context: ResumeRunContext) -> None:
        """Let another worker go on with a run. dagster-celery's own hands over arguments that its task refuses."""
        run = context.dagster_run
        if run.job_code_origin is None:
            raise dg.DagsterInvariantViolationError(f"run {run.run_id} does not say which code it is of")
        # The worker has an instance of its own.
        arguments = ResumeRunArgs(run.job_code_origin, run.run_id, instance_ref=None, set_exit_code_on_failure=True)
        task = create_resume_job_task(self.celery).si(resume_job_args_packed=pack_value(arguments))
        self._launch_celery_task_run(run, task, TASK_RESUME_JOB_NAME)

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's worker lives, for a run that has started.

        Wrong only in one way: a worker that Redis can't reach for half a minute is taken for dead, and its run goes on
        a second time elsewhere. The lake bears that, as it bears any two runs at once.
        """
        task = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG, "")
        found = self.celery.AsyncResult(task)
        # Waiting: a run that goes on elsewhere has a new task, which waits until a worker has a place for it.
        if not task or found.state == "PENDING":
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if found.state != "STARTED":
            return super().check_run_worker_health(run)
        worker = str((found.info or {}).get("hostname"))
        self._missed[task] = 0 if self._has(worker, task) else self._missed.get(task, 0) + 1
        if self._missed[task] < MISSED_LOOKS:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"the worker {worker} has died, or does not have the run")

    def _has(self, worker: str, task: str) -> bool:
        asked = self.celery.control.inspect(destination=[worker], timeout=ANSWER_SECONDS, limit=1)
        return task in (asked.query_task(task) or {}).get(worker, {})
