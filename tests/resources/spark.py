"""Apache Spark for tests: whether it is there, and where its processes run.

Add here: how tests start it. Not here: a test.
"""

import importlib.util
import shutil
from collections.abc import Mapping
from pathlib import Path

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
