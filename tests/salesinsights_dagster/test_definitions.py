import json
import subprocess
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import pytest

from assets.tables.asset_specs import RARE
from salesinsights_dagster.dagster_process import DagsterProcess, DagsterStartError
from salesinsights_dagster.definitions import build_definitions
from salesinsights_dagster.settings import load_settings
from sensors.jobs import ARCHIVE, CUSTOMERS, STREAM


def test_dagster_can_load_everything(tmp_path: Path) -> None:
    definitions = build_definitions(load_settings({"SALESINSIGHTS_HOME": str(tmp_path)}))

    dg.Definitions.validate_loadable(definitions)
    repository = definitions.get_repository_def()
    assert {job.name for job in repository.get_all_jobs()} >= {"stream", "archive", "customers", "publish", "upkeep"}


class LocationFails(BaseHTTPRequestHandler):
    """A web server of Dagster that runs, but can't load the code location."""

    def do_GET(self) -> None:
        self.send_response(200 if self.headers["Host"].startswith("127.0.0.1") else 403)
        self.end_headers()

    def do_POST(self) -> None:
        fault = {"__typename": "PythonError", "message": "two ops have one name"}
        entries = {"workspaceOrError": {"locationEntries": [{"name": "salesinsights", "locationOrLoadError": fault}]}}
        self.do_GET()
        self.wfile.write(json.dumps({"data": entries}).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_location_that_does_not_load_is_named(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    with HTTPServer(("127.0.0.1", 0), LocationFails) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"

        with pytest.raises(DagsterStartError, match="salesinsights can't be loaded: two ops have one name"):
            DagsterProcess(ended, url, tmp_path / "log", date(2019, 1, 1)).await_ready()
        server.shutdown()


@pytest.mark.parametrize("job", [STREAM, ARCHIVE, CUSTOMERS])
def test_no_other_job_plans_the_nightly_proof_and_hides_how_it_came_out(tmp_path: Path, job: Any) -> None:
    """A check that is planned and skipped hides its last result, in the UI and from the alerts."""
    defs = build_definitions(load_settings({"SALESINSIGHTS_HOME": str(tmp_path)}))

    steps = defs.resolve_job_def(job.name).nodes_in_topological_order

    assert {"micro_batch", "archive_months", "visitor_tables"} & {step.name for step in steps}
    assert "rebuild_and_compare" not in [step.name for step in steps]


def test_nobody_can_materialize_what_others_write(tmp_path: Path) -> None:
    env = {"SALESINSIGHTS_HOME": str(tmp_path), "SALESINSIGHTS_POSTGRES": "postgresql://shop:x@127.0.0.1/sales"}
    graph = build_definitions(load_settings(env)).resolve_asset_graph()

    others = {key.to_user_string() for key in graph.get_all_asset_keys() - graph.executable_asset_keys}

    assert others == {
        "kafka/shop_events",
        "archive/files",
        "silver/catalog",
        "kafka/product_sales",
        "kafka/audiences",
        "kafka/left_carts",
        "kafka/recovered_carts",
        "serving/postgres",
    }


def test_no_check_of_another_step_hangs_on_an_asset_that_the_ui_can_launch(tmp_path: Path) -> None:
    """The UI asks for an asset with all of its checks: a check of another step would be part of every such run."""
    graph = build_definitions(load_settings({"SALESINSIGHTS_HOME": str(tmp_path)})).resolve_asset_graph()

    for key in graph.asset_check_keys:
        assert key.asset_key in graph.assets_def_for_key(key).keys, key


def test_each_asset_can_be_launched_without_the_others_of_its_step(tmp_path: Path) -> None:
    graph = build_definitions(load_settings({"SALESINSIGHTS_HOME": str(tmp_path)})).resolve_asset_graph()

    for step in graph.assets_defs:
        assert step.can_subset or len(step.keys) == 1 or not step.is_executable, step.keys


def test_no_step_waits_for_what_most_runs_of_another_leave_out(tmp_path: Path) -> None:
    """Dagster skips a step with such an input, in the run of all assets that follow sales too."""
    graph = build_definitions(load_settings({"SALESINSIGHTS_HOME": str(tmp_path)})).resolve_asset_graph()

    for step in graph.assets_defs:
        inputs = set(step.keys_by_input_name.values()) - step.keys
        assert not inputs & set(RARE), step.keys
