"""Libraries read settings at their first import: who imports them before `resources` loses ours in silence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SAID = "import os, polars; print(polars.thread_pool_size(), os.environ['_RJEM_MALLOC_CONF'])"


def said(module: str, **settings: str) -> tuple[str, str]:
    """Polars' threads and the settings of its memory, in a process that has imported a module of ours."""
    left = {
        name: value for name, value in os.environ.items() if name not in {"POLARS_MAX_THREADS", "_RJEM_MALLOC_CONF"}
    }
    command = [sys.executable, "-c", f"import {module}; {SAID}"]
    told = subprocess.run(command, env={**left, **settings}, cwd=CHECKOUT, check=True, capture_output=True, text=True)
    threads, memory = told.stdout.split()
    return threads, memory


@pytest.mark.parametrize(
    "module", ["salesinsights_dagster.definitions", "sensors.kafka_sensor", "assets.silver.silver", "benchmarks.alone"]
)
def test_each_package_sets_polars_before_it_is_imported(module: str) -> None:
    threads, memory = said(module)

    assert int(threads) == max(1, (os.cpu_count() or 1) // 2)
    assert memory.endswith(",narenas:1,dirty_decay_ms:5000,muzzy_decay_ms:0")


def test_linear_algebra_has_one_thread() -> None:
    counted = "import resources, os, numpy; print(len(os.listdir('/proc/self/task')))"
    left = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    told = subprocess.run([sys.executable, "-c", counted], env=left, cwd=CHECKOUT, check=True, capture_output=True)

    assert int(told.stdout) == 1


def test_what_is_set_outside_wins() -> None:
    threads, memory = said("assets", POLARS_MAX_THREADS="3", _RJEM_MALLOC_CONF="dirty_decay_ms:77")

    assert threads == "3"
    assert memory.endswith(",dirty_decay_ms:77")
    assert "narenas" not in memory
