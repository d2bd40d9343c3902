"""Dagster as a program: web UI, daemon and code server, started and stopped together.

Add here: what concerns these processes. Not here: what they load (`definitions`).
"""

import json
import os
import platform
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from resources.foreseen_error import ForeseenError
from salesinsights_dagster.calendar_start import FIRST_DAY, calendar_start
from salesinsights_dagster.home import make_home, make_private, write_private
from salesinsights_dagster.instance_settings import instance_settings
from salesinsights_dagster.settings import CHECKOUT, Settings

_ask_directly = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
"""For requests to this machine: a proxy that the environment names knows nothing of it."""

LOCATION, MISSED_LOOKS = "grpc", 3
"""A word of the command line of the process that holds the code location, and after how many looks it is missed."""


_LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries { name
    locationOrLoadError { __typename ... on PythonError { message } } } } } }
"""


class DagsterStartError(ForeseenError):
    """Dagster did not start; the message says why, or names the log."""


@dataclass(frozen=True)
class DagsterProcess:
    """A running `dagster dev` in a process group of its own."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    first_day: date

    @classmethod
    def start(
        cls,
        settings: Settings,
        port: int,
        env: Mapping[str, str],
        log: Path | None = None,
        empty_from: date | None = None,
    ) -> "DagsterProcess":
        """Start it on 127.0.0.1; the output goes to `log`, by default dagster.log in Dagster's home.

        With an empty lake the calendar begins with `empty_from`, by default with the setting.
        """
        home = prepare_home(settings)
        log = log or home / "dagster.log"
        first_day = settings.first_day if env.get(FIRST_DAY) else calendar_start(settings, empty_from)
        ours = {
            "DAGSTER_HOME": str(home),
            "SALESINSIGHTS_HOME": str(settings.home),
            FIRST_DAY: first_day.isoformat(),
        }
        # Dagster's own processes speak to each other on this machine.
        direct = ",".join(filter(None, [env.get("no_proxy") or env.get("NO_PROXY"), "127.0.0.1,localhost"]))
        ours |= {"no_proxy": direct, "NO_PROXY": direct}
        ours |= secrets_of(settings)
        with log.open("ab") as output:
            process = subprocess.Popen(
                _command(port),
                cwd=CHECKOUT,
                env={**env, **ours},
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_restore_signals,
            )
        return cls(process, f"http://127.0.0.1:{port}", log, first_day)

    def await_ready(self, wait_seconds: float = 300) -> None:
        """Return once the web server answers, to its own name only, and the code location is loaded.

        A process that ends is seen at once; the limit is for one that hangs: where much else runs, a start that takes
        20 seconds took more than 90.

        Raises DagsterStartError if Dagster ends, stays silent, answers everybody or can't load the location.
        """
        deadline = time.monotonic() + wait_seconds
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise DagsterStartError(f"Dagster did not start at {self.url}: see {self.log}; is the port free?")
            time.sleep(0.5)
        if self._answers("other.example"):
            raise DagsterStartError(
                f"Dagster's web server at {self.url} answers to any host name, so other sites could use it: install "
                "the versions of requirements.lock"
            )
        for entry in self.ask(_LOCATIONS)["workspaceOrError"]["locationEntries"]:
            fault = entry["locationOrLoadError"]
            if fault["__typename"] == "PythonError":
                raise DagsterStartError(
                    f"the code location {entry['name']} can't be loaded: {fault['message'].strip()}"
                )

    def ask(self, query: str, variables: Mapping[str, object] | None = None) -> Any:
        """The data that the web server's GraphQL API returns."""
        asked = json.dumps({"query": query, "variables": variables or {}}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", asked, {"Content-Type": "application/json"})  # noqa: S310
        with _ask_directly(request, timeout=30) as answer:
            return json.load(answer)["data"]

    def wait(self, look_seconds: float = 5) -> None:
        """Return once Dagster has ended, or the process of the code location is gone.

        Dagster replaces neither that nor itself, and without it no sensor ticks and no run starts. It is gone if three
        looks in a row do not find it: a reload of the location replaces it too.
        """
        missed = 0
        while missed < MISSED_LOOKS:
            try:
                self.process.wait(look_seconds)
            except subprocess.TimeoutExpired:
                missed = 0 if self._has_location() else missed + 1
            else:
                return

    def _has_location(self) -> bool:
        try:
            children = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return False
        return any(LOCATION in _command_of(child) for child in children)

    def stop(self, wait_seconds: float = 30) -> None:
        """End the whole process group: SIGTERM, then SIGKILL."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if not self._group_is_alive():
                break
            os.killpg(self.process.pid, sign)
            self._await_end(wait_seconds)
        self.process.wait()

    def _await_end(self, wait_seconds: float) -> None:
        deadline = time.monotonic() + wait_seconds
        while self._group_is_alive() and time.monotonic() < deadline:
            self.process.poll()
            time.sleep(0.2)

    def _group_is_alive(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def _answers(self, host: str | None = None) -> bool:
        named = {"Host": host} if host else {}
        request = urllib.request.Request(f"{self.url}/server_info", headers=named)  # noqa: S310
        try:
            with _ask_directly(request, timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _command_of(process: psutil.Process) -> list[str]:
    """Its command line; empty if it has ended, also if nobody has taken note of that yet."""
    try:
        command: list[str] = process.cmdline()
    except psutil.NoSuchProcess:
        command = []
    return command


def prepare_home(settings: Settings) -> Path:
    """Dagster's home, with our instance settings written into it.

    Raises MissingExtraError if a setting asks for a package that is not installed.
    """
    home, text = settings.dagster_home, instance_settings(settings)
    make_home(settings.home)
    make_private(home)
    # In one step: machines that share the home may start while others read it.
    written = home / f".dagster.yaml.{platform.node()}.{os.getpid()}"
    write_private(written, text)
    written.replace(home / "dagster.yaml")
    return home


def secrets_of(settings: Settings) -> dict[str, str]:
    """The variables that our instance settings name; the URL of a database with the driver that Dagster needs."""
    named = {"SALESINSIGHTS_DAGSTER_DB": settings.dagster_db, "SALESINSIGHTS_CELERY": settings.celery}
    return {name: value for name, value in named.items() if value}


def _command(port: int) -> list[str]:
    options = ["--workspace", "workspace.yaml", "--host", "127.0.0.1", "--port", str(port)]
    return [sys.executable, "-m", "salesinsights_dagster.dagster_dev", "dev", *options]


def _restore_signals() -> None:
    """Undo an ignored SIGINT: a shell's background job has one, and Dagster's children would inherit it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
