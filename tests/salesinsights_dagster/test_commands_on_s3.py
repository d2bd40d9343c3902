"""Each command with a lake in an object store that refuses: one line that names the store, and the remedy."""

from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from assets.runs.clock import Clock
from assets.upkeep.upkeep_assets import lake_files
from resources.lake import Lake
from salesinsights_dagster.cli import main
from salesinsights_dagster.dashboard.board import Board
from salesinsights_dagster.dashboard.stream_health import HealthWatch
from salesinsights_dagster.topic import utc_now
from tests.resources.s3_server import FAULTS, KEY, NOBODY, SECRET, S3Server

COMMANDS = {
    "ingest": [],
    "sql": ["SELECT * FROM product_sales"],
    "audit": [],
    "forget": ["7", "--yes"],
    "repair": [],
    "repair --check": ["--check"],
    "backfill": ["--from", "2019-10"],
    "customer": ["7"],
    "snapshot": ["--out", "top.png"],
    "export": ["features", "--as-of", "2019-12-31", "--out", "features"],
    "quarantine": ["list"],
    "accept-loss": ["--yes"],
}

pytestmark = pytest.mark.usefixtures("hasty")


@pytest.fixture
def home(bucket: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "archive").mkdir(exist_ok=True)
    (tmp_path / "archive" / "2019-Oct.csv").write_text("event_time,event_type\n")
    monkeypatch.chdir(tmp_path)
    for name, value in {"HOME": str(tmp_path), "LAKE": bucket.root}.items():
        monkeypatch.setenv(f"SALESINSIGHTS_{name}", value)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    return tmp_path


def said_by(command: str) -> str:
    done = CliRunner().invoke(main, [command.split()[0], *COMMANDS[command]])
    assert done.exit_code == 2, (command, done.output, done.exception)
    (line,) = done.stderr.strip().splitlines()
    return line


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", FAULTS)
def test_every_command_names_the_store_and_the_remedy(bucket: Lake, s3: S3Server, name: str) -> None:
    fault, remedy = FAULTS[name]
    place = f"in bucket {bucket.root.split('/')[2]} under shop/"

    with s3.faulty(fault):
        said = {command: said_by(command) for command in COMMANDS}

    for command, line in said.items():
        assert line.startswith("Error: "), command
        for words in (place, f"at {s3.url}: ", remedy):
            assert words in line, command
        for words in (KEY, SECRET, "<", "\x1b", "folder", "disk", "Kernel"):
            assert words not in line, command


@pytest.mark.usefixtures("home")
def test_every_command_says_that_the_store_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOBODY)

    for command in COMMANDS:
        assert f"at {NOBODY}: the store does not answer" in said_by(command)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("without", "remedy"),
    [
        ("AWS_ALLOW_HTTP", "set AWS_ALLOW_HTTP=true too, or an address with https://"),
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID: set both"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY: set both"),
        ("AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY", "without a key to it: set AWS_ACCESS_KEY_ID and AWS_SECRET"),
    ],
)
def test_what_is_missing_is_told_without_asking(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, without: str, remedy: str
) -> None:
    for name in without.split():
        monkeypatch.delenv(name)
    s3.requests()

    for command in COMMANDS:
        assert remedy in said_by(command)
    assert s3.requests() == []


def test_the_dashboard_shows_it(bucket: Lake, s3: S3Server) -> None:
    board = Board(Lake(bucket.root), utc_now, 45)
    watch = HealthWatch(Lake(bucket.root), lambda: pytest.fail("Kafka is asked after the lake"), utc_now)
    fault, remedy = FAULTS["wrong key"]

    with s3.faulty(fault):
        board.look()
        watch.look()

    assert remedy in str(board.error)
    assert watch.newest is not None
    assert remedy in str(watch.newest.error)
    board.look()
    assert board.error is None


def test_a_run_fails_with_it_and_shows_nothing_else_of_the_store(bucket: Lake, s3: S3Server) -> None:
    fault, remedy = FAULTS["wrong secret"]
    resources = {"lake": Lake(bucket.root), "clock": Clock(utc_now)}

    with s3.faulty(fault), dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([lake_files], instance=instance, resources=resources, raise_on_error=False)

    (failed,) = [event for event in result.all_events if event.is_step_failure]
    shown = str(failed.step_failure_data.error)
    assert remedy in shown
    assert "<Code>" not in shown
    assert KEY not in shown
