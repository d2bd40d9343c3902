"""The tests that have a long form, in that form: more seeds and examples, each step of a command, each launch.

Add here: a file of tests that asks `tests.campaign`. Not here: a measurement, or how often a test tries (the test).
"""

import re
import subprocess
import sys
from pathlib import Path

import click
from rich.progress import track

from salesinsights_dagster.commands.terminal import terminal
from tests.campaign import PROFILE

CHECKOUT = Path(__file__).resolve().parent.parent
SECONDS = 7_200
"""For each test: the suite's ten minutes are too short."""

FILES = (
    "tests/assets/customers/test_intervals.py",
    "tests/assets/events/test_csv_line_parser.py",
    "tests/assets/events/test_message_parser.py",
    "tests/assets/gold/test_restatement_histories.py",
    "tests/assets/visitors/test_grown_days.py",
    "tests/assets/visitors/test_sessions.py",
    "tests/faults/test_commands_together.py",
    "tests/faults/test_every_call.py",
    "tests/faults/test_every_call_of_replicas.py",
    "tests/faults/test_every_request.py",
    "tests/faults/test_power_cut.py",
    "tests/faults/test_replica_kills.py",
    "tests/salesinsights_dagster/dashboard/test_api.py",
    "tests/salesinsights_dagster/dashboard/test_for_everybody.py",
    "tests/salesinsights_dagster/test_ui_launches.py",
)


def run() -> list[dict[str, object]]:
    """A line for each file. What fails is shown as pytest shows it, with what brings it about again."""
    return [_run(file) for file in track(FILES, "campaign", console=terminal())]


def _run(file: str) -> dict[str, object]:
    command = [sys.executable, "-m", "pytest", "-q", f"--hypothesis-profile={PROFILE}", f"--timeout={SECONDS}", file]
    done = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(done.stdout)
    counts = {name: int(count) for count, name in re.findall(r"(\d+) (passed|failed|error)", done.stdout)}
    seconds = re.search(r" in ([\d.]+)s", done.stdout)
    failed = counts.get("failed", 0) + counts.get("error", 0)
    minutes = f"{float(seconds[1]) / 60:.1f}" if seconds else ""
    click.echo(f"{file}: {counts}, {minutes} minutes", err=True)
    return {"file": file, "passed": counts.get("passed", 0), "failed": failed, "minutes": minutes}
