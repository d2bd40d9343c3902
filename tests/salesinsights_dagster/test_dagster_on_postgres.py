"""Dagster's runs, events and ticks in PostgreSQL: the real server, the real daemon, a run through the queue."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from salesinsights_dagster.dagster_process import DagsterProcess, prepare_home
from salesinsights_dagster.demo import free_port
from salesinsights_dagster.extras import MissingExtraError
from salesinsights_dagster.settings import load_settings
from tests.postgres import running_postgres

LAUNCH = """
mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
UPKEEP = {
    "selector": {
        "repositoryLocationName": "salesinsights",
        "repositoryName": "__repository__",
        "jobName": "upkeep",
    },
    "mode": "default",
}


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with running_postgres() as url:
        yield url


@pytest.mark.daemon
def test_a_run_goes_through_the_queue_and_is_kept_in_postgres(database: str, tmp_path: Path) -> None:
    env = {"SALESINSIGHTS_HOME": str(tmp_path), "SALESINSIGHTS_DAGSTER_DB": database}
    settings = load_settings(env)
    dagster = DagsterProcess.start(settings, free_port(0), {**os.environ, **env})
    try:
        dagster.await_ready()
        launched = dagster.ask(LAUNCH, {"params": UPKEEP})["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run = launched["run"]["runId"]
        assert ended(dagster, run) == "SUCCESS"
    finally:
        dagster.stop()

    with closing(psycopg2.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT status FROM runs WHERE run_id = %s", [run])
        assert cursor.fetchall() == [("SUCCESS",)]
        cursor.execute("SELECT count(DISTINCT asset_key) FROM event_logs WHERE run_id = %s", [run])
        assert cursor.fetchone() == (2,)
    assert list(tmp_path.rglob("*.db")) == []
    assert "secret-of-the-shop" not in (settings.dagster_home / "dagster.yaml").read_text()


def ended(dagster: DagsterProcess, run: str, seconds: float = 240) -> str:
    deadline = time.monotonic() + seconds
    while True:
        status: str = dagster.ask(STATUS, {"id": run})["runOrError"]["status"]
        if status in ("SUCCESS", "FAILURE", "CANCELED") or time.monotonic() > deadline:
            return status
        time.sleep(0.5)


def test_a_missing_extra_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings({"SALESINSIGHTS_HOME": str(tmp_path), "SALESINSIGHTS_DAGSTER_DB": "postgresql://x/y"})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(MissingExtraError, match=r"pip install 'salesinsights\[postgres\]'"):
        prepare_home(settings)
