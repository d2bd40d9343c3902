"""What the container, Compose and Kubernetes files call is there, and what must be one is one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml  # type: ignore[import-untyped]

from salesinsights_dagster.cli import main
from salesinsights_dagster.settings import CHECKOUT, Settings, load_settings

COMPOSE = CHECKOUT / "docs" / "containers" / "compose.yaml"
KUBERNETES = CHECKOUT / "docs" / "kubernetes" / "salesinsights.yaml"
IMAGE = CHECKOUT / "docs" / "containers" / "Containerfile"
EXAMPLE = CHECKOUT / "docs" / "containers" / "settings.env.example"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def services() -> dict[str, list[str]]:
    """Each of our services in the Compose file, with its command."""
    return {name: one["command"] for name, one in read(COMPOSE)["services"].items() if "salesinsights" in one["image"]}


def workloads() -> dict[str, dict[str, Any]]:
    found = (one for one in read(KUBERNETES)["items"] if one["kind"] in ("Deployment", "StatefulSet"))
    return {one["metadata"]["name"]: one for one in found}


def container(workload: dict[str, Any]) -> dict[str, Any]:
    [only] = workload["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


def commands() -> Iterator[list[str]]:
    yield from services().values()
    yield from (container(workload)["args"] for workload in workloads().values())


@pytest.mark.parametrize("words", [*commands()], ids=" ".join)
def test_each_command_exists_with_its_options(words: list[str]) -> None:
    name, *options = words
    command = main.get_command(click.Context(main), name)

    assert command is not None
    command.make_context(name, list(options))


def test_both_files_have_the_same_parts() -> None:
    assert set(services()) == set(workloads()) == {"dagster", "stream", "worker", "dashboard"}


def test_there_is_one_daemon_and_one_worker_for_the_stream() -> None:
    replicas = {name: workload["spec"]["replicas"] for name, workload in workloads().items()}
    places = int(container(workloads()["worker"])["args"][-1]) * replicas["worker"]

    assert (replicas["dagster"], replicas["stream"], replicas["dashboard"]) == (1, 1, 1)
    assert workloads()["dagster"]["kind"] == "StatefulSet"
    assert read(COMPOSE)["services"]["worker"]["deploy"]["replicas"] > 1
    # As the file says: places for backfills, and four for other runs.
    assert f"{replicas['worker']} x 2 - 4 = {places - 4}" in KUBERNETES.read_text()


def test_no_pod_runs_as_root_or_with_a_secret_in_the_file() -> None:
    for workload in workloads().values():
        assert workload["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
        assert container(workload)["envFrom"] == [{"secretRef": {"name": "salesinsights"}}]
        assert "env" not in container(workload)


def test_the_example_of_settings_can_be_read() -> None:
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    given = dict(line.split("=", 1) for line in lines)
    known = [str(one.validation_alias).rstrip("*") for one in Settings.model_fields.values()]

    assert [name for name in given if not name.startswith((*known, "DAGSTER_PASSWORD"))] == []
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert load_settings({**given, **keys}).celery == given["SALESINSIGHTS_CELERY"]


@pytest.mark.parametrize("path", [COMPOSE, KUBERNETES, IMAGE], ids=lambda path: path.name)
def test_each_file_says_that_it_was_not_run(path: Path) -> None:
    assert "by us" in " ".join(path.read_text().split("\n")[:3])


def test_the_image_copies_what_there_is() -> None:
    lines = [line.split() for line in IMAGE.read_text().splitlines() if line.startswith("COPY ")]
    copied = [words[1:-1] for words in lines if not words[1].startswith("--")]
    names = [name for some in copied for name in some]

    assert [name for name in names if not (CHECKOUT / name).exists()] == []
    assert {f"!{name}" for name in names} <= set(IMAGE.with_suffix(".dockerignore").read_text().splitlines())
