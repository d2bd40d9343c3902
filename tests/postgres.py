"""Debian's PostgreSQL, started for the tests on a free port of 127.0.0.1, in a folder of its own.

Add here: how the server is found, started and stopped. Not here: what is kept in it.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from salesinsights_dagster.demo import free_port

MISSING = "PostgreSQL's server is missing: apt-get install postgresql"


@contextmanager
def running_postgres() -> Iterator[str]:
    """The URL of a new, empty server. Skips the test where PostgreSQL is not installed."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="salesinsights-postgres-"))
    data, port = folder / "data", free_port(0)
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
    try:
        _run(programs[-1] / "initdb", "-D", data, "-U", "shop", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        _run(programs[-1] / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-o", options, "start")
        yield f"postgresql://shop:secret-of-the-shop@127.0.0.1:{port}/postgres"
    finally:
        if (data / "postmaster.pid").exists():
            _run(programs[-1] / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


def _run(*command: object) -> None:
    """Run one of its programs; if we are root, as the user postgres, since PostgreSQL refuses root."""
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    done = subprocess.run([*as_user, *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/")
    assert done.returncode == 0, done.stderr.decode()
