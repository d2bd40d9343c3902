"""What Dagster is told of a run that a worker has: with a real Redis, and workers that are not there."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests.workers import MISSING, running_redis

if MISSING:
    pytest.skip(MISSING, allow_module_level=True)

from dagster._core.launcher import ResumeRunContext, WorkerStatus
from dagster._core.test_utils import create_run_for_test
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from salesinsights_dagster.workers import run_launcher
from salesinsights_dagster.workers.run_launcher import MISSED_LOOKS, WorkerLauncher

TASK = "a-task"


@dg.job
def nothing() -> None: ...


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def launcher(instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerLauncher]:
    monkeypatch.setattr(run_launcher, "ANSWER_SECONDS", 0.1)
    with running_redis(tmp_path) as broker:
        found = WorkerLauncher(broker=broker, backend=broker, default_queue="dagster")
        found.register_instance(instance)
        yield found


@pytest.fixture
def run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    origin = dg.reconstructable(nothing).get_python_origin()
    tags = {DAGSTER_CELERY_TASK_ID_TAG: TASK}
    return create_run_for_test(
        instance, "nothing", status=dg.DagsterRunStatus.STARTED, tags=tags, job_code_origin=origin
    )


def looks(launcher: WorkerLauncher, run: dg.DagsterRun, many: int) -> list[WorkerStatus]:
    return [launcher.check_run_worker_health(run).status for _ in range(many)]


def test_a_run_that_waits_for_a_worker_is_well(launcher: WorkerLauncher, run: dg.DagsterRun) -> None:
    assert looks(launcher, run, MISSED_LOOKS + 1) == [WorkerStatus.RUNNING] * (MISSED_LOOKS + 1)


def test_a_run_whose_worker_does_not_answer_is_lost_after_some_looks(
    launcher: WorkerLauncher, run: dg.DagsterRun
) -> None:
    launcher.celery.backend.store_result(TASK, {"pid": 7, "hostname": "gone@nowhere"}, "STARTED")

    assert looks(launcher, run, MISSED_LOOKS) == [WorkerStatus.RUNNING] * (MISSED_LOOKS - 1) + [WorkerStatus.NOT_FOUND]


def test_a_run_whose_process_died_under_a_worker_is_lost_at_once(launcher: WorkerLauncher, run: dg.DagsterRun) -> None:
    launcher.celery.backend.store_result(TASK, RuntimeError("signal 9"), "FAILURE")

    assert looks(launcher, run, 1) == [WorkerStatus.FAILED]


def test_a_run_that_goes_on_elsewhere_is_a_task_that_a_worker_can_take(
    launcher: WorkerLauncher, instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    launcher.resume_run(ResumeRunContext(run, None, 1))

    again = instance.get_run_by_id(run.run_id)
    assert again is not None
    assert again.tags[DAGSTER_CELERY_TASK_ID_TAG] != TASK
    with launcher.celery.connection_for_read() as connection:
        message = connection.SimpleQueue("dagster").get(timeout=5)
    _, named, _ = message.payload
    assert set(named) == {"resume_job_args_packed"}


def test_a_run_that_somebody_ends_is_not_a_failure(
    launcher: WorkerLauncher, instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    assert launcher.terminate(run.run_id)

    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status is dg.DagsterRunStatus.CANCELING
