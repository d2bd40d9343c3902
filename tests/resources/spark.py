"""Apache Spark for tests: whether it is there, and where its processes run.

Add here: how tests start it. Not here: a test.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from salesinsights_dagster.demo import free_port

ROOT = Path(__file__).resolve().parents[2]

CLUSTER = "local-cluster[2,1,1024]" if importlib.util.find_spec("pyspark") and shutil.which("java") else ""
"""A master with two workers, each in a process of its own with one core and 1 GB; empty without Spark."""


def spark_environment(folder: Path) -> Mapping[str, str]:
    """The variables for Spark on this machine alone, with its files in `folder`; workers find the tests' modules."""
    return {
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder),
        "SPARK_WORKER_DIR": str(folder / "work"),
        "PYTHONPATH": str(ROOT),
    }


HAS_CONNECT = bool(CLUSTER) and all(importlib.util.find_spec(name) for name in ("pyarrow", "zstandard", "grpc_status"))
"""Whether this Spark's Python can also speak to a Spark Connect server."""

_CONNECT = "org.apache.spark.sql.connect.service.SparkConnectServer"


def connect_options(master: str, port: int) -> list[str]:
    """What spark-submit has to be told, to start a Spark Connect server on this machine in front of a cluster."""
    settings = {
        "spark.ui.enabled": "false",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
    }
    words = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    return ["--class", _CONNECT, "--master", master, *words, "spark-internal"]


@contextmanager
def connect_server(folder: Path) -> Iterator[str]:
    """The address of a Spark Connect server with CLUSTER behind it, until the end of the block."""
    import pyspark

    home, port = Path(pyspark.__file__).parent, free_port(0)
    command = [str(home / "bin" / "spark-submit"), *connect_options(CLUSTER, port)]
    own = {**spark_environment(folder), "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable}
    with (folder / "connect.log").open("wb") as log:
        server = subprocess.Popen(command, env={**os.environ, **own}, stdout=log, stderr=log, cwd=folder)
    try:
        _await(port, folder / "connect.log")
        # Its client marks this process as one that can start no cluster.
        with patch.dict(os.environ):
            yield f"sc://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=60)


def _await(port: int, log: Path) -> None:
    ends = time.monotonic() + 240
    while time.monotonic() < ends:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise RuntimeError(f"no Spark Connect server listens: {log.read_text()[-2000:]}")
