"""`salesinsights user`, and what `salesinsights dashboard` says of its login at the start."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from salesinsights_dagster.cli import main
from salesinsights_dagster.dashboard import server
from salesinsights_dagster.login.ways import users_of
from tests.salesinsights_dagster.login.visitors import PASSWORD


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SALESINSIGHTS_HOME", str(tmp_path))
    monkeypatch.setenv("SALESINSIGHTS_LOGIN", "users")
    return tmp_path


def told(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, words, input=typed)


def test_a_user_is_added_listed_and_removed(home: Path) -> None:
    typed = f"{PASSWORD}\n{PASSWORD}\n"
    added = told("user", "add", "ann", "--role", "admin", typed=typed)
    assert (added.exit_code, added.stderr) == (0, "")
    assert PASSWORD not in added.stdout + (home / "users").read_text()
    assert users_of(home).is_password("ann", PASSWORD)
    assert not users_of(home).is_password("ann", f"{PASSWORD}!")

    told("user", "add", "ann", "--role", "reader", typed=typed)

    assert told("user", "list").stdout == "ann reader\n"
    assert told("user", "remove", "ann").stdout == "ann may not log in any more\n"
    assert "there is no user ann" in told("user", "remove", "ann").stderr


def test_what_is_no_user_is_refused_with_the_remedy(home: Path) -> None:
    assert "of at least 12" in told("user", "add", "ann", "--role", "admin", typed="short\nshort\n").stderr
    assert (
        "is no user's name" in told("user", "add", "a:b", "--role", "admin", typed=f"{PASSWORD}\n{PASSWORD}\n").stderr
    )
    assert told("user", "list").stdout == ""


def test_a_user_who_is_not_asked_for_is_told_of(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SALESINSIGHTS_LOGIN")

    added = told("user", "add", "ann", "--role", "admin", typed=f"{PASSWORD}\n{PASSWORD}\n")

    assert "So far nobody has to log in: start the dashboard with SALESINSIGHTS_LOGIN=users" in added.stderr


def test_a_dashboard_that_nobody_could_log_in_at_does_not_start(home: Path) -> None:
    refused = told("dashboard", "--port", "8137")

    assert refused.exit_code == 2
    assert "there is no user yet: salesinsights user add NAME --role admin" in refused.stderr


@pytest.mark.parametrize(
    ("host", "login", "warns"),
    [("0.0.0.0", "off", True), ("127.0.0.1", "off", False), ("0.0.0.0", "users", False)],  # noqa: S104
)
def test_a_dashboard_for_everybody_says_so_at_its_start(
    home: Path, monkeypatch: pytest.MonkeyPatch, host: str, login: str, warns: bool
) -> None:
    monkeypatch.setenv("SALESINSIGHTS_LOGIN", login)
    monkeypatch.setattr(server, "serve", lambda *arguments: None)

    started = told("dashboard", "--port", "8137", "--host", host)

    assert ("Warning: no login. Everyone who reaches 0.0.0.0:8137" in started.stderr) == warns
