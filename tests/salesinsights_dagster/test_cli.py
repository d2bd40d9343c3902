import click
import pytest
from click.testing import CliRunner, Result

from resources.foreseen_error import ForeseenError
from salesinsights_dagster.cli import LazyGroup, main


class TooLateError(ForeseenError):
    exit_code = 7


def outcome_of(error: Exception, monkeypatch: pytest.MonkeyPatch) -> Result:
    """What a command ends with that raises this error."""

    @click.command()
    def fails() -> None:
        raise error

    monkeypatch.setattr(LazyGroup, "get_command", lambda *_: fails)
    return CliRunner().invoke(main, ["fails"])


def test_a_foreseen_error_is_one_line_and_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = outcome_of(ForeseenError("the door is shut: open it"), monkeypatch)
    chosen = outcome_of(TooLateError("it is night: come tomorrow"), monkeypatch)

    assert (usual.exit_code, usual.output) == (2, "Error: the door is shut: open it\n")
    assert (chosen.exit_code, chosen.output) == (7, "Error: it is night: come tomorrow\n")


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ValueError("a bug"), AssertionError("a bug")])
def test_any_other_error_keeps_its_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = outcome_of(error, monkeypatch)

    assert (ended.exception, ended.output) == (error, "")
