"""Homes, folders and ports that can't be used: one sentence that names the way on, from every command."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from salesinsights_dagster.cli import COMMANDS, main

ARGUMENTS = {
    "backfill": ["--from", "2019-10"],
    "catalog": ["FILE"],
    "customer": ["1"],
    "export": ["features", "--as-of", "2019-10-31", "--out", "OUT"],
    "forget": ["1", "--yes"],
    "kafka": ["start"],
    "produce": ["FILE"],
    "quarantine": ["list"],
    "replay": ["FILE"],
    "simulate": [],
    "snapshot": ["--out", "OUT"],
    "sql": ["SELECT 1 FROM product_sales"],
    "user": ["list"],
}
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file, where a folder is wanted."""
    file = tmp_path / "2019-Oct.csv"
    file.write_text("event_time,event_type,product_id,price,user_id\n2019-10-01 00:00:00 UTC,view,1,2.50,3\n")
    return file


def said(arguments: list[str], home: Path, kafka: str = "") -> str:
    """What a command says that ends with exit code 2; a traceback would be raised here."""
    environment = {"SALESINSIGHTS_HOME": str(home), "KAFKA_BOOTSTRAP_SERVERS": kafka}
    done = CliRunner().invoke(main, arguments, env=environment, catch_exceptions=False)
    assert done.exit_code == 2, done.output
    return done.stderr.strip()


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_home_that_is_a_file_is_one_sentence(command: str, tmp_path: Path, file: Path) -> None:
    given = {"OUT": str(tmp_path / "out"), "FILE": str(file)}
    arguments = [given.get(word, word) for word in ARGUMENTS.get(command, [])]

    (line,) = said([command, *arguments], file).splitlines()

    assert line.startswith("Error: ")


def test_a_home_under_a_file_names_the_setting(file: Path) -> None:
    told = said(["ingest"], file / "home")

    assert "Set SALESINSIGHTS_HOME to a folder that you may write to" in told


def test_a_home_that_others_own_names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere

    assert "not writable for you" in said(["ingest"], tmp_path)


def test_a_month_whose_folder_is_a_file_is_one_sentence(tmp_path: Path, file: Path) -> None:
    month = ["simulate", "--month", "2019-11", "--events", "5", "--out", str(file / "out")]

    assert said(month, tmp_path) == (
        f"Error: {file}/out: Not a directory. Choose another place, or make this one writable for you, with space"
    )


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.mark.parametrize("command", ["dashboard", "dev"])
def test_a_taken_port_ends_the_start_at_once(command: str, tmp_path: Path, taken: int) -> None:
    told = said([command, "--port", str(taken)], tmp_path, "127.0.0.1:1")

    assert told == (
        f"Error: port {taken} of 127.0.0.1 is taken: stop what listens there, or choose another one with --port"
    )


def test_a_host_of_another_machine_is_refused_at_once(tmp_path: Path) -> None:
    told = said(["dashboard", "--host", "192.0.2.1"], tmp_path)

    assert told.startswith("Error: port 8080 of 192.0.2.1 can't be used (Cannot assign requested address)")


@pytest.mark.parametrize("script", ["follow_product_sales.py", "train_on_features.py"])
def test_a_script_of_the_docs_without_arguments_says_how_to_call_it(script: str) -> None:
    done = subprocess.run([sys.executable, DOCS / script], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.startswith(f"usage: {script} ")
