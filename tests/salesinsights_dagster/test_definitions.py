from pathlib import Path

import dagster as dg
import pytest

from salesinsights_dagster import dagster_process
from salesinsights_dagster.dagster_process import DagsterProcess, DagsterStartError
from salesinsights_dagster.definitions import build_definitions
from salesinsights_dagster.settings import load_settings


def test_dagster_can_load_everything(tmp_path: Path) -> None:
    definitions = build_definitions(load_settings({"SALESINSIGHTS_HOME": str(tmp_path)}))

    dg.Definitions.validate_loadable(definitions)
    repository = definitions.get_repository_def()
    assert {job.name for job in repository.get_all_jobs()} >= {"stream", "archive", "customers", "publish", "upkeep"}


def test_a_location_that_does_not_load_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = {"__typename": "PythonError", "message": "two ops have one name"}
    entries = {"workspaceOrError": {"locationEntries": [{"name": "salesinsights", "locationOrLoadError": fault}]}}
    monkeypatch.setattr(DagsterProcess, "_answers", lambda process: True)
    monkeypatch.setattr(DagsterProcess, "ask", lambda process, query: entries)
    assert "locationOrLoadError" in dagster_process._LOCATIONS

    with pytest.raises(DagsterStartError, match="salesinsights can't be loaded: two ops have one name"):
        DagsterProcess.__new__(DagsterProcess).await_ready()
