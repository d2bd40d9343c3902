"""Somebody who clicks at random in Dagster's UI beside live traffic: nothing may be lost or counted twice by it.

A month lies in the archive folder, and the same lines came through Kafka: whichever loads come about, gold is the same.
Add here: a click. Not here: what the UI asks for it (`tests.salesinsights_dagster.dagster_ui`).
"""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import click

from assets.progress.batches import batch_of
from assets.progress.rebuild_marks import unfinished_days
from assets.tables import BRONZE_ARCHIVE_MONTHS, BRONZE_EVENTS, PRODUCT_SALES, SILVER_EVENTS
from benchmarks.system import COMMAND, System, fresh_system, generate_months, prove_live, selling, unread
from benchmarks.topic_sales import differences
from resources.lake import Lake
from salesinsights_dagster.dagster_process import DagsterProcess, DagsterStartError
from salesinsights_dagster.demo import free_port
from salesinsights_dagster.settings import CHECKOUT
from tests.salesinsights_dagster.dagster_ui import LOCATION, UNENDED_BACKFILL, UNENDED_RUN, DagsterUi

RATE = 50
MONTH, MONTH_EVENTS = date(2019, 11, 1), 20_000
PAUSE = 5.0
"""Seconds from one click to the next, at most."""

MOST_SETTLE_SECONDS, MOST_LOAD_SECONDS = 1_200.0, 300.0
STREAM = "stream"
_RUN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")

_RUNS = """
query ($statuses: [RunStatus!]) { runsOrError(filter: {statuses: $statuses}, limit: 500) { ... on Runs { results {
    runId jobName status tags { key value } } } } }
"""
_ENDS = """
query ($id: ID!) { runOrError(runId: $id) { ... on Run { eventConnection(limit: 5000) { events {
    ... on RunFailureEvent { message } } } } } }
"""
_BACKFILLS = "{ partitionBackfillsOrError(limit: 200) { ... on PartitionBackfills { results { id status } } } }"
_SENSORS = """
query ($repository: RepositorySelector!) { sensorsOrError(repositorySelector: $repository) { ... on Sensors { results {
    id name sensorState { status } } } } }
"""
_ERROR = "... on PythonError { message }"
_START = f"mutation ($of: SensorSelector!) {{ startSensor(sensorSelector: $of) {{ __typename {_ERROR} }} }}"
_STOP = f"mutation ($id: String!) {{ stopSensor(id: $id) {{ __typename {_ERROR} }} }}"
_TERMINATE = """
mutation ($id: String!, $policy: TerminateRunPolicy!) { terminateRun(runId: $id, terminatePolicy: $policy) {
    __typename ... on TerminateRunFailure { message } ... on PythonError { message } } }
"""
_DELETE = f"mutation ($id: String!) {{ deleteRun(runId: $id) {{ __typename {_ERROR} }} }}"
_CANCEL = f"mutation ($id: String!) {{ cancelPartitionBackfill(backfillId: $id) {{ __typename {_ERROR} }} }}"
_RELOAD = f"""
mutation {{ reloadRepositoryLocation(repositoryLocationName: "{LOCATION["repositoryLocationName"]}") {{
    __typename {_ERROR} }} }}
"""


class Clicker:
    """Clicks at random, and counts what Dagster answered. The same `seed` draws the same clicks of the same offers."""

    def __init__(self, dagster: DagsterProcess, env: Mapping[str, str], seed: int) -> None:
        self.answers = Counter[tuple[str, str]]()
        self.touched = set[str]()
        """Runs that a click ended or deleted: they may fail."""
        self._dagster, self._ui, self._env = dagster, DagsterUi(dagster), env
        self._chance = Random(seed)
        self._daemon: subprocess.Popen[bytes] | None = None
        self._clicks: Mapping[str, tuple[int, Callable[[], str]]] = {
            "launch a run": (6, self._launch),
            "launch a run again": (2, self._launch_again),
            "backfill a range of days": (3, self._backfill),
            "backfill the month": (1, self._backfill_month),
            "terminate a run": (3, self._terminate),
            "cancel a backfill": (2, self._cancel),
            "delete a run": (2, self._delete),
            "reload the code location": (1, self._reload),
            "turn a sensor on or off": (3, self._toggle),
            "start or stop a second daemon": (1, self._second_daemon),
        }

    def click(self) -> None:
        """Do one thing. What Dagster refuses is counted too."""
        names, weights = list(self._clicks), [weight for weight, _ in self._clicks.values()]
        (name,) = self._chance.choices(names, weights)
        try:
            answer = self._clicks[name][1]()
        # The UI shows an error and lives on, and so does whoever clicks.
        except (AssertionError, OSError, KeyError, TypeError) as error:
            answer = f"{type(error).__name__}: {error}"
        self.answers[name, _RUN_ID.sub("…", answer.partition("\n")[0])[:120]] += 1
        click.echo(f"{datetime.now(UTC):%H:%M:%S} {name}: {answer[:120]}", err=True)

    def leave(self) -> None:
        """Stop the second daemon, and turn all sensors on."""
        if self._daemon is not None:
            self._second_daemon()
        self._load()
        for sensor in self._sensors():
            self._ask(_START, {"of": {**LOCATION, "sensorName": sensor["name"]}})

    def _load(self) -> None:
        """Reload the location until it is there: beside much other work a reload may take too long, and fail.

        Raises DagsterStartError if it can't be loaded.
        """
        until = time.monotonic() + MOST_LOAD_SECONDS
        while True:
            try:
                return self._dagster.await_ready()
            except (DagsterStartError, OSError):
                if time.monotonic() > until:
                    raise
            with suppress(OSError):
                self._reload()

    def unended(self) -> list[str]:
        """What is still under way of what was clicked: sensors launch runs for ever."""
        runs = [run for run in self._runs(UNENDED_RUN) if not _is_of_sensor(run)]
        backfills = [one for one in self._backfills() if one["status"] in UNENDED_BACKFILL]
        return [*(f"{run['jobName']} {run['status']}" for run in runs), *(f"backfill {b['status']}" for b in backfills)]

    def failures(self) -> Counter[str]:
        """Of the runs that failed though nobody touched them, the first line of what each says."""
        failed = [run["runId"] for run in self._runs(("FAILURE",)) if run["runId"] not in self.touched]
        return Counter(_said(self._ui.ended_run(run)["errors"]) or self._end(run) for run in failed)

    def _end(self, run: str) -> str:
        """What Dagster says of a run that failed without an error of its own."""
        events = self._dagster.ask(_ENDS, {"id": run})["runOrError"]["eventConnection"]["events"]
        return _RUN_ID.sub("…", " ".join(event["message"] for event in events if event))[:200]

    def _launch(self) -> str:
        name = self._chance.choice([asset.name for asset in self._ui.assets.values() if asset.is_executable])
        partitions = self._partitions(name) if self._ui.assets[name].is_partitioned else []
        self._ui.run([name], partitions)
        return "launched"

    def _launch_again(self) -> str:
        runs = [run for run in self._runs(("FAILURE", "CANCELED", "SUCCESS")) if run["jobName"] != STREAM]
        if not runs:
            return "there is none"
        self._ui.again(self._chance.choice(runs)["runId"], self._chance.choice(["FROM_FAILURE", "ALL_STEPS"]))
        return "launched"

    def _backfill(self) -> str:
        daily = [a.name for a in self._ui.assets.values() if a.is_partitioned and a.name != BRONZE_ARCHIVE_MONTHS.name]
        self._ui.backfill(self._chance.sample(daily, self._chance.randint(1, 3)), self._days())
        return "launched"

    def _backfill_month(self) -> str:
        self._ui.backfill([BRONZE_ARCHIVE_MONTHS.name], [MONTH.isoformat()])
        return "launched"

    def _terminate(self) -> str:
        run = self._one_of(self._runs(UNENDED_RUN))
        policy = self._chance.choice(["SAFE_TERMINATE", "SAFE_TERMINATE", "MARK_AS_CANCELED_IMMEDIATELY"])
        return "there is none" if run is None else self._ask(_TERMINATE, {"id": run, "policy": policy})

    def _delete(self) -> str:
        run = self._one_of(self._runs(None))
        return "there is none" if run is None else self._ask(_DELETE, {"id": run})

    def _one_of(self, runs: list[Any]) -> str | None:
        if not runs:
            return None
        run = str(self._chance.choice(runs)["runId"])
        self.touched.add(run)
        return run

    def _cancel(self) -> str:
        under_way = [one["id"] for one in self._backfills() if one["status"] in UNENDED_BACKFILL]
        return self._ask(_CANCEL, {"id": self._chance.choice(under_way)}) if under_way else "there is none"

    def _reload(self) -> str:
        return self._ask(_RELOAD, {})

    def _toggle(self) -> str:
        sensor = self._chance.choice(self._sensors())
        if sensor["sensorState"]["status"] == "RUNNING":
            return self._ask(_STOP, {"id": sensor["id"]})
        return self._ask(_START, {"of": {**LOCATION, "sensorName": sensor["name"]}})

    def _second_daemon(self) -> str:
        if self._daemon is None:
            command = [sys.executable, "-m", "dagster._daemon", "run", "--workspace", "workspace.yaml"]
            log = self._dagster.log.with_name("second.log").open("ab")
            with log:
                self._daemon = subprocess.Popen(
                    command, cwd=CHECKOUT, env=self._env, stdout=log, stderr=log, start_new_session=True
                )
            return "started"
        self._daemon.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._daemon.wait(60)
        with suppress(ProcessLookupError):
            os.killpg(self._daemon.pid, 9)
        self._daemon.wait()
        self._daemon = None
        return "stopped"

    def _partitions(self, name: str) -> list[str]:
        return [MONTH.isoformat()] if name == BRONZE_ARCHIVE_MONTHS.name else self._days()

    def _days(self) -> list[str]:
        """A range of days: of the month, or up to today."""
        long, back = self._chance.randint(1, 5), self._chance.randint(0, 25)
        first = self._chance.choice([MONTH + timedelta(days=back), datetime.now(UTC).date() - timedelta(days=long - 1)])
        return [(first + timedelta(days=day)).isoformat() for day in range(long)]

    def _runs(self, statuses: tuple[str, ...] | None) -> list[Any]:
        return list(self._dagster.ask(_RUNS, {"statuses": statuses})["runsOrError"]["results"])

    def _backfills(self) -> list[Any]:
        return list(self._dagster.ask(_BACKFILLS)["partitionBackfillsOrError"]["results"])

    def _sensors(self) -> list[Any]:
        return list(self._dagster.ask(_SENSORS, {"repository": LOCATION})["sensorsOrError"]["results"])

    def _ask(self, mutation: str, variables: Mapping[str, object]) -> str:
        (answer,) = self._dagster.ask(mutation, variables).values()
        return ": ".join(filter(None, (answer["__typename"], answer.get("message"))))


def _is_of_sensor(run: Any) -> bool:
    return any(tag["key"] == "dagster/sensor_name" for tag in run["tags"])


def _said(errors: list[Any]) -> str:
    if not errors:
        return ""
    causes = errors[-1].get("causes") or [errors[-1]]
    return str(causes[-1]["message"]).strip().partition("\n")[0][:200]


def run(minutes: int, seed: int) -> list[dict[str, object]]:
    """A line for each click and answer, and a last one for the whole. Raises RuntimeError if gold is not what was sold,
    or if something never ends."""
    with _system() as (system, dagster, env):
        clicker = Clicker(dagster, env, seed)
        until = time.monotonic() + 60 * minutes
        pause = Random(seed)
        with selling(system, RATE):
            while time.monotonic() < until:
                clicker.click()
                time.sleep(pause.uniform(0, PAUSE))
        clicker.leave()
        settled = _settle(system, clicker)
        failures = clicker.failures()
        prove_live(system)
        messages, different = differences(system)
    if different:
        raise RuntimeError(f"gold differs from the topic in {len(different)} products of a day: {different[:3]}")
    lines: list[dict[str, object]] = [
        {"click": name, "answer": answer, "times": times} for (name, answer), times in sorted(clicker.answers.items())
    ]
    lines += [{"click": "a run failed by itself", "answer": said, "times": times} for said, times in failures.items()]
    proof = f"settled {settled:.0f} s after the end; {messages:,} messages: equal in gold, to the cent; audit passed"
    return [*lines, {"click": f"all, {minutes} minutes, seed {seed}", "answer": proof, "times": sum(_times(lines))}]


def _times(lines: list[dict[str, object]]) -> Iterator[int]:
    return (int(str(line["times"])) for line in lines if line["click"] != "a run failed by itself")


@contextmanager
def _system() -> Iterator[tuple[System, DagsterProcess, Mapping[str, str]]]:
    """A system with a month in Kafka and in the archive folder, and Dagster on it; the environment of a daemon."""
    with fresh_system() as system, ExitStack() as parts:
        generate_months(system, [MONTH], MONTH_EVENTS)
        (file,) = system.settings.archive_folder.iterdir()
        subprocess.run([COMMAND, "produce", str(file)], env=system.env, check=True)
        dagster = DagsterProcess.start(system.settings, free_port(0), system.env)
        parts.callback(dagster.stop)
        dagster.await_ready()
        home = {"DAGSTER_HOME": str(system.settings.dagster_home), "SALESINSIGHTS_HOME": str(system.settings.home)}
        yield system, dagster, {**system.env, **home}


def _settle(system: System, clicker: Clicker) -> float:
    """Seconds until all is read and nothing is under way. Raises RuntimeError after MOST_SETTLE_SECONDS."""
    begun, lake = time.monotonic(), Lake(system.settings.lake)
    while left := [*clicker.unended(), *_left(system, lake)]:
        if time.monotonic() - begun > MOST_SETTLE_SECONDS:
            raise RuntimeError(f"still under way {MOST_SETTLE_SECONDS:.0f} s after the last click: {left}")
        time.sleep(5)
    return time.monotonic() - begun


def _left(system: System, lake: Lake) -> list[str]:
    messages, days, bronze = unread(system), unfinished_days(lake), batch_of(lake.table(BRONZE_EVENTS))
    behind = [layout.name for layout in (SILVER_EVENTS, PRODUCT_SALES) if batch_of(lake.table(layout)) < bronze]
    found = {"messages not read": messages, "days not rebuilt": days, f"not at batch {bronze}": behind}
    return [f"{what}: {some}" for what, some in found.items() if some]
