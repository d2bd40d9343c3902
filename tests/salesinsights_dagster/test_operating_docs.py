"""What docs/operating.md and its units call is there."""

import shlex
from configparser import ConfigParser
from pathlib import Path

import click
import pytest

from salesinsights_dagster.cli import main
from salesinsights_dagster.settings import CHECKOUT

UNITS = sorted((CHECKOUT / "docs" / "systemd").glob("*.service"))


def unit(path: Path) -> ConfigParser:
    parser = ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return parser


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_starts_a_command_with_options_that_it_knows(path: Path) -> None:
    program, name, *options = shlex.split(unit(path)["Service"]["ExecStart"])
    command = main.get_command(click.Context(main), name)

    assert program == unit(path)["Service"]["WorkingDirectory"] + "/.venv/bin/salesinsights"
    assert command is not None
    assert command.make_context(name, options).params["port"] > 0


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_is_started_again_and_keeps_its_files_to_itself(path: Path) -> None:
    service = unit(path)["Service"]
    assert (service["Restart"], service["UMask"]) == ("always", "0077")


def test_the_page_names_each_unit() -> None:
    page = (CHECKOUT / "docs" / "operating.md").read_text()
    assert len(UNITS) == 2
    assert all(f"systemd/{path.name}" in page for path in UNITS)
