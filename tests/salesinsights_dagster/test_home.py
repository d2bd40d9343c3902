"""The home is its owner's: other users of the machine see neither customers nor settings."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from salesinsights_dagster.cli import main
from salesinsights_dagster.dagster_process import prepare_home
from salesinsights_dagster.home import make_home, write_private
from salesinsights_dagster.settings import load_settings


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def test_a_new_home_and_dagsters_settings_are_for_the_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "far" / "home"
    dagster_home = prepare_home(load_settings({"SALESINSIGHTS_HOME": str(home)}))

    found = [mode(path) for path in (home, dagster_home, dagster_home / "dagster.yaml")]

    assert found == ["0o700", "0o700", "0o600"]


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path) -> None:
    settings = load_settings({"SALESINSIGHTS_HOME": str(tmp_path / "home")})
    settings.dagster_home.mkdir(parents=True)
    (settings.dagster_home / "dagster.yaml").write_text("old")

    prepare_home(settings)

    found = [mode(path) for path in (settings.home, settings.dagster_home, settings.dagster_home / "dagster.yaml")]
    assert found == ["0o700", "0o700", "0o600"]


@pytest.mark.parametrize("chosen", [0o711, 0o750, 0o700])
def test_a_mode_that_somebody_chose_is_kept(tmp_path: Path, chosen: int) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(chosen)

    make_home(home)

    assert mode(home) == oct(chosen)


def test_commands_that_fill_a_home_make_it_so_with_the_folders_for_files(tmp_path: Path) -> None:
    home = tmp_path / "home"
    CliRunner().invoke(main, ["ingest"], env={"SALESINSIGHTS_HOME": str(home)})

    assert mode(home) == "0o700"
    assert {folder.name for folder in home.iterdir() if folder.is_dir()} >= {"input", "archive"}


def test_a_private_file_is_written_again(tmp_path: Path) -> None:
    make_home(tmp_path)
    for text in ("one", "two"):
        write_private(tmp_path / "file", text)

    assert ((tmp_path / "file").read_text(), mode(tmp_path / "file")) == ("two", "0o600")


def test_a_home_whose_archive_is_on_a_disk_that_is_away_can_be_used(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.symlink_to(tmp_path / "away")

    make_home(tmp_path)

    assert archive.is_symlink()
    assert (tmp_path / "input").is_dir()
